package dev.heddle.attention.global;

import dev.heddle.attention.RopeKeys;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import java.util.List;
import java.util.stream.IntStream;

/// Attention with global tokens in the catalogue.
public final class GlobalAttentionCatalog implements CatalogProvider {
    @Override
    public List<Variant> variants() {
        return List.of(
                Variant.of("longformer", "attention")
                        .sparse()
                        .summary("Longformer: a window, dilated by head, and a few tokens that see and are seen by all")
                        .source("arXiv 2004.05150; allenai/longformer, longformer.py")
                        .schema(RopeKeys.in(schema()))
                        .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                        .factory(GlobalAttentionCatalog::build)
                        .part(GlobalAttentionCatalog::part)
                        .example("{\"d_model\": 12, \"num_heads\": 3, \"window\": 2}")
                        .example("{\"d_model\": 8, \"num_heads\": 2, \"window\": 1, \"dilation\": [1, 3]}")
                        .example(
                                "{\"d_model\": 10, \"num_heads\": 2, \"window\": 3, \"dilation\": [2, 1],"
                                        + " \"causal\": true, \"output_projection\": true}")
                        .example(
                                "{\"d_model\": 12, \"num_heads\": 3, \"window\": 2, \"causal\": true,"
                                        + " \"rope_theta\": 100.0}")
                        .example(
                                "{\"d_model\": 8, \"num_heads\": 2, \"window\": 2, \"qkv_bias\": false,"
                                        + " \"output_projection\": true, \"rope_theta\": 50.0,"
                                        + " \"rope_style\": \"interleaved\"}")
                        .build());
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("num_heads", "heads, a divisor of d_model")
                .required("window", "neighbours seen on each side")
                .optional("dilation", null, "distance between the neighbours, by head; 1 by default")
                .optional("causal", false, "keys after a query are masked")
                .optional("qkv_bias", true, "the projections of queries, keys and values have biases")
                .optional("output_projection", false, "the joined heads are projected");
    }

    private static Subject build(Config config, Seed seed) {
        LongformerSpec spec =
                LongformerSpec.of(config.integer("num_heads"), config.integer("window"))
                        .causal(config.flag("causal"))
                        .bias(config.flag("qkv_bias"))
                        .outputProjection(config.flag("output_projection"));
        if (config.has("dilation")) {
            spec = spec.dilation(integers(config, "dilation"));
        }
        Rope.Spec rope = RopeKeys.of(config);
        if (rope != null) {
            spec = spec.position(rope);
        }
        return new LongformerSubject(spec.create(config.integer("d_model"), seed));
    }

    private static List<Integer> integers(Config config, String key) {
        return config.list(key).stream().map(value -> Config.empty().with(key, value).integer(key)).toList();
    }

    // A decoder has no global tokens; every second head looks twice as far.
    private static LongformerSpec part(StackSizes sizes) {
        return LongformerSpec.of(sizes.heads(), Math.max(1, sizes.context() / 8))
                .dilation(IntStream.range(0, sizes.heads()).mapToObj(head -> 1 + head % 2).toList())
                .causal(true)
                .globalTokens(false)
                .outputProjection(true);
    }
}
