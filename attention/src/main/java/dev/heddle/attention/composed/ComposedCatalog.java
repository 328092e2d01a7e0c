package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.OptionalDouble;

/// Attention with composed heads.
public final class ComposedCatalog implements CatalogProvider {
    @Override
    public List<Variant> variants() {
        return List.of(composed());
    }

    private static Variant composed() {
        return Variant.of("dcmha", "attention")
                .summary("Dynamically composable multi-head attention: heads mix their scores and probabilities")
                .source("arXiv 2405.08553; Caiyun-AI/DCFormer modeling_dcformer.py")
                .schema(schema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(ComposedCatalog::build)
                .part(ComposedCatalog::part)
                .example("{\"d_model\": 12, \"n_heads\": 2}")
                .example("{\"d_model\": 20, \"n_heads\": 4, \"head_dim\": 6, \"static\": false, \"window\": 5}")
                .example("{\"d_model\": 12, \"n_heads\": 6, \"key_wise\": false, \"qk_norm\": false}")
                .example("{\"d_model\": 8, \"n_heads\": 4, \"query_wise\": false, \"dyn_rank\": 1, \"gate\": false}")
                .example("{\"d_model\": 8, \"n_heads\": 4, \"dynamic\": false, \"pre_compose\": false}")
                .example(
                        "{\"d_model\": 12, \"n_heads\": 4, \"dynamic\": false, \"gate\": false, \"post_compose\": false,"
                                + " \"rope_theta\": null}")
                .example(
                        "{\"d_model\": 16, \"n_heads\": 4, \"dyn_rank\": 3, \"causal\": false, \"rope_theta\": 100.0,"
                                + " \"activation\": \"gelu_tanh\"}")
                .build();
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("n_heads", "heads, an even number")
                .optional("n_kv_heads", null, "key/value heads: n_heads")
                .optional("head_dim", null, "width of a head; d_model / n_heads by default")
                .optional("dyn_rank", 2, "rank of the mixing that depends on tokens")
                .optional("dyn_hidden", null, "hidden width of its generators: 2 · n_heads · dyn_rank")
                .optional("static", true, "a learned matrix mixes the heads of all pairs alike")
                .optional("dynamic", true, "low-rank matrices made from tokens mix the heads")
                .optional("gate", true, "gates made from tokens scale the heads")
                .optional("query_wise", true, "query tokens make mixing and gates")
                .optional("key_wise", true, "key tokens make mixing and gates")
                .optional("pre_compose", true, "scores are composed")
                .optional("post_compose", true, "probabilities are composed")
                .optional("qk_norm", true, "an RMS norm of each head's queries and keys")
                .optional("qk_norm_eps", 1e-6, "its eps")
                .optional("dyn_norm_eps", 1e-6, "eps of the norm of the low-rank matrices")
                .optional("rope_theta", 10_000.0, "base of the rotary embedding; null for none")
                .optional("rope_style", "half", "which columns rotate together: half")
                .optional("causal", true, "keys after a query are masked")
                .optional("window", null, "a query sees itself and window − 1 keys before it; null for all")
                .optional("activation", "gelu_erf", "of the generators: gelu_erf, or gelu_tanh");
    }

    // With the static matrix off, as released models run.
    private static @Nullable ComposedSpec part(StackSizes sizes) {
        return sizes.heads() % 2 == 0 ? ComposedAttention.heads(sizes.heads()).staticMixing(false) : null;
    }

    private static Subject build(Config config, Seed seed) {
        int heads = config.integer("n_heads");
        boolean normed = config.flag("qk_norm");
        ComposedSpec spec =
                ComposedAttention.heads(heads)
                        .rank(config.integer("dyn_rank"))
                        .staticMixing(config.flag("static"))
                        .dynamic(config.flag("dynamic"))
                        .gate(config.flag("gate"))
                        .sides(config.flag("query_wise"), config.flag("key_wise"))
                        .stages(config.flag("pre_compose"), config.flag("post_compose"))
                        .queryKeyNorm(normed ? OptionalDouble.of(config.number("qk_norm_eps")) : OptionalDouble.empty())
                        .dynamicNormEps(config.number("dyn_norm_eps"))
                        .position(rope(config))
                        .pattern(pattern(config))
                        .activation(activation(config.text("activation")));
        requireEqual("n_kv_heads", config, heads, "composition needs a score of every head's own");
        int hidden = 2 * heads * config.integer("dyn_rank");
        requireEqual("dyn_hidden", config, hidden, "it is 2 · n_heads · dyn_rank");
        if (config.has("head_dim")) {
            spec = spec.headWidth(config.integer("head_dim"));
        }
        return new ComposedSubject(spec.create(config.integer("d_model"), seed));
    }

    private static AttentionPattern pattern(Config config) {
        int window = config.integer("window", Integer.MAX_VALUE);
        if (window < 1) {
            throw new ConfigException("window: " + window + " is less than 1; use 1 or more");
        }
        int left = config.has("window") ? window - 1 : Window.UNLIMITED;
        return Patterns.window(left, config.flag("causal") ? 0 : Window.UNLIMITED);
    }

    private static Rope.@Nullable Spec rope(Config config) {
        String style = config.text("rope_style", "half");
        if (!style.equals("half")) {
            throw new ConfigException("rope_style: '" + style + "' is not known; use half");
        }
        return config.has("rope_theta") ? Rope.base(config.number("rope_theta")).halfSplit() : null;
    }

    private static Activation activation(String name) {
        return switch (name) {
            case "gelu_erf" -> Activation.GELU;
            case "gelu_tanh" -> Activation.GELU_TANH;
            default -> throw new ConfigException("activation: '" + name + "' is not known; use gelu_erf or gelu_tanh");
        };
    }

    private static void requireEqual(String key, Config config, int needed, String why) {
        int found = config.integer(key, needed);
        if (found != needed) {
            throw new ConfigException(key + ": " + found + " does not work, " + why + "; use " + needed);
        }
    }
}
