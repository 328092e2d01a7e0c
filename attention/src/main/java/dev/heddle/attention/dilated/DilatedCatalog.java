package dev.heddle.attention.dilated;

import dev.heddle.attention.RopeKeys;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import java.util.List;

/// Dilated attention in the catalogue.
public final class DilatedCatalog implements CatalogProvider {
    @Override
    public List<Variant> variants() {
        return List.of(
                Variant.of("longnet-dilated", "attention")
                        .sparse()
                        .summary(
                                "LongNet's dilated attention: the longer the segment, the fewer of its tokens are seen")
                        .source("arXiv 2307.02486; microsoft/torchscale, dilated_attention.py")
                        .schema(RopeKeys.in(schema()))
                        .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                        .factory(DilatedCatalog::build)
                        .part(DilatedCatalog::part)
                        .example(
                                "{\"d_model\": 12, \"num_heads\": 3, \"segment_lengths\": [4, 8, 16],"
                                        + " \"dilation_rates\": [1, 2, 4], \"causal\": true, \"mix_gradient\": \"full\"}")
                        .example(
                                "{\"d_model\": 10, \"num_heads\": 5, \"segment_lengths\": [6, 4],"
                                        + " \"dilation_rates\": [3, 2], \"causal\": true, \"mix_gradient\": \"full\","
                                        + " \"head_offset\": \"modulo\", \"qkv_bias\": false}")
                        .example(
                                "{\"d_model\": 8, \"num_heads\": 2, \"segment_lengths\": [3, 6],"
                                        + " \"dilation_rates\": [1, 2], \"mix_gradient\": \"full\", \"sub_ln\": true}")
                        // One pair, so that what is stopped is 1 and the gradient still that of the function.
                        .example(
                                "{\"d_model\": 8, \"num_heads\": 4, \"segment_lengths\": [5],"
                                        + " \"dilation_rates\": [1], \"causal\": true, \"mix_gradient\": \"stop\"}")
                        .example(
                                "{\"d_model\": 8, \"num_heads\": 2, \"segment_lengths\": [100],"
                                        + " \"dilation_rates\": [3], \"rope_theta\": 50.0,"
                                        + " \"rope_style\": \"interleaved\"}")
                        .example(
                                "{\"d_model\": 12, \"num_heads\": 3, \"segment_lengths\": [3, 6],"
                                        + " \"dilation_rates\": [1, 2], \"causal\": true, \"mix_gradient\": \"full\","
                                        + " \"rope_theta\": 100.0}")
                        .build());
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("num_heads", "heads, a divisor of d_model")
                .required("segment_lengths", "tokens in a segment, one for each pair")
                .required("dilation_rates", "distance between the kept tokens of a segment, one for each pair")
                .optional("causal", false, "keys after a query are masked")
                .optional(
                        "mix_gradient",
                        "stop",
                        "stop: mixture weights are constants to the gradient; full: they are not")
                .optional(
                        "head_offset",
                        "contiguous",
                        "contiguous: neighbouring heads keep the same tokens; modulo: others")
                .optional("qkv_bias", true, "the projections of queries, keys and values have biases")
                .optional("sub_ln", false, "a layer norm precedes the output projection");
    }

    private static Subject build(Config config, Seed seed) {
        DilatedSpec spec =
                DilatedSpec.of(
                                config.integer("num_heads"),
                                integers(config, "segment_lengths"),
                                integers(config, "dilation_rates"))
                        .causal(config.flag("causal"))
                        .mixture(mixture(config.text("mix_gradient")))
                        .offset(offset(config.text("head_offset")))
                        .bias(config.flag("qkv_bias"))
                        .innerNorm(config.flag("sub_ln"));
        Rope.Spec rope = RopeKeys.of(config);
        if (rope != null) {
            spec = spec.position(rope);
        }
        return new DilatedSubject(spec.create(config.integer("d_model"), seed));
    }

    private static List<Integer> integers(Config config, String key) {
        return config.list(key).stream().map(value -> Config.empty().with(key, value).integer(key)).toList();
    }

    private static Combine.Weights mixture(String name) {
        return switch (name) {
            case "stop" -> Combine.Weights.CONSTANT;
            case "full" -> Combine.Weights.DIFFERENTIATED;
            default -> throw new ConfigException("mix_gradient: '" + name + "' is not known; use stop or full");
        };
    }

    private static DilatedSegments.Offset offset(String name) {
        return switch (name) {
            case "contiguous" -> DilatedSegments.Offset.CONTIGUOUS;
            case "modulo" -> DilatedSegments.Offset.MODULO;
            default -> throw new ConfigException("head_offset: '" + name + "' is not known; use contiguous or modulo");
        };
    }

    // Three pairs that grow by two up to the whole context.
    private static DilatedSpec part(StackSizes sizes) {
        int shortest = Math.max(1, (sizes.context() + 3) / 4);
        return DilatedSpec.of(sizes.heads(), List.of(shortest, 2 * shortest, 4 * shortest), List.of(1, 2, 4));
    }
}
