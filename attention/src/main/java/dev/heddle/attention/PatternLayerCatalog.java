package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// Multi-head attention under a pattern of distances.
public final class PatternLayerCatalog implements CatalogProvider {
    private static final Map<String, String> NAMES =
            Map.of("q_proj", "wq.weight", "k_proj", "wk.weight", "v_proj", "wv.weight");

    @Override
    public List<Variant> variants() {
        return List.of(local(), atrous(), localAndAtrous());
    }

    private static Variant local() {
        return line("local", config -> Patterns.local(config.integer("window"), config.integer("rate")))
                .summary("Local self-attention: a query sees the neighbours in a window, or every r-th of them")
                .source("spaces.ac.cn/archives/6853; bojone/attention, LocalSelfAttention")
                .schema(
                        schema().optional("window", 1, "neighbours seen on each side")
                                .optional("rate", 1, "distance between the keys seen"))
                .part(part(sizes -> Patterns.local(Math.max(1, sizes.context() / 4))))
                .example("{\"d_model\": 12, \"num_heads\": 3, \"window\": 4, \"causal\": true}")
                .example("{\"d_model\": 10, \"num_heads\": 2, \"head_dim\": 3, \"window\": 2}")
                .example("{\"d_model\": 8, \"num_heads\": 2, \"window\": 2, \"rate\": 3, \"causal\": true}")
                .example("{\"d_model\": 8, \"num_heads\": 2, \"window\": 3, \"rate\": 2}")
                .example("{\"d_model\": 8, \"num_heads\": 2, \"window\": 0}")
                .build();
    }

    private static Variant atrous() {
        return line("atrous", config -> Patterns.atrous(config.integer("rate")))
                .summary("Atrous self-attention: a query sees the keys at distances that are multiples of the rate")
                .source("spaces.ac.cn/archives/6853; bojone/attention, AtrousSelfAttention")
                .schema(schema().optional("rate", 1, "distance between the keys seen"))
                .part(part(sizes -> Patterns.atrous(squareRoot(sizes))))
                .example("{\"d_model\": 12, \"num_heads\": 3, \"rate\": 3, \"causal\": true}")
                .example("{\"d_model\": 10, \"num_heads\": 2, \"head_dim\": 3, \"rate\": 4}")
                .example("{\"d_model\": 8, \"num_heads\": 2}")
                .example("{\"d_model\": 8, \"num_heads\": 2, \"rate\": 100}")
                .build();
    }

    private static Variant localAndAtrous() {
        return line("sparse-su", PatternLayerCatalog::localAndAtrous)
                .summary("Sparse self-attention: a window and every r-th key beyond it, in one softmax")
                .source("spaces.ac.cn/archives/6853; bojone/attention, SparseSelfAttention")
                .schema(schema().optional("rate", 2, "keys seen on each side, and distance between those beyond"))
                .part(part(sizes -> localAndAtrous(squareRoot(sizes))))
                .example("{\"d_model\": 12, \"num_heads\": 3, \"rate\": 3, \"causal\": true}")
                .example("{\"d_model\": 10, \"num_heads\": 2, \"head_dim\": 3, \"rate\": 4}")
                .example("{\"d_model\": 8, \"num_heads\": 2, \"rate\": 1}")
                .build();
    }

    private static AttentionPattern localAndAtrous(Config config) {
        return localAndAtrous(config.integer("rate"));
    }

    private static AttentionPattern localAndAtrous(int rate) {
        AttentionPattern atrous = Patterns.atrous(rate);
        return Patterns.local(rate).or(atrous);
    }

    // Where a window and every r-th key together are fewest.
    private static int squareRoot(StackSizes sizes) {
        return Math.max(2, (int) Math.sqrt(sizes.context()));
    }

    private static Function<StackSizes, @Nullable StackPart> part(Function<StackSizes, AttentionPattern> pattern) {
        return sizes -> Attention.multiHead(sizes.heads()).pattern(pattern.apply(sizes).and(Patterns.causal()));
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("num_heads", "heads")
                .optional("head_dim", null, "width of a head; d_model / num_heads by default")
                .optional("causal", false, "keys after a query are masked");
    }

    private static Variant.Builder line(String id, Function<Config, AttentionPattern> pattern) {
        return Variant.of(id, "attention")
                .sparse()
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory((config, seed) -> build(config, pattern.apply(config), seed));
    }

    private static Subject build(Config config, AttentionPattern pattern, Seed seed) {
        AttentionSpec spec =
                Attention.multiHead(config.integer("num_heads"))
                        .withoutOutputProjection()
                        .pattern(config.flag("causal") ? pattern.and(Patterns.causal()) : pattern);
        if (config.has("head_dim")) {
            spec = spec.headWidth(config.integer("head_dim"));
        }
        return new PatternLayerSubject(new AttentionSubject(spec.create(config.integer("d_model"), seed), NAMES));
    }
}
