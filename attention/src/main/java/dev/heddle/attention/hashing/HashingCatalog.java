package dev.heddle.attention.hashing;

import dev.heddle.attention.RopeKeys;
import dev.heddle.attention.kernel.SortedChunks;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Seed;

import java.util.List;
import java.util.Optional;

/// The token mixers of this package.
public final class HashingCatalog implements CatalogProvider {
    private static final int LARGEST_BUCKET = 64;

    @Override
    public List<Variant> variants() {
        return List.of(reformer());
    }

    private static Variant reformer() {
        return Variant.of("reformer", "attention")
                .sparse()
                .summary(
                        "LSH attention: shared queries and keys, sorted by hash, attend to their neighbours in that order")
                .source("arXiv 2001.04451; lucidrains/reformer-pytorch")
                .schema(
                        RopeKeys.in(Schema.builder())
                                .required("num_heads", "heads")
                                .optional(
                                        "head_dim",
                                        null,
                                        "width of a head; alone, the core without projections is built")
                                .optional("d_model", null, "model width: a layer with projections is built")
                                .optional("depth", null, "blocks: a stack of layers and MLPs is built")
                                .optional("bucket_size", 64, "tokens in a chunk; two chunks are attended to")
                                .optional("num_hashes", 8, "rounds of hashing")
                                .optional("causal", false, "keys after a query are masked")
                                .optional("attend_across_buckets", true, "keys of other buckets in the chunks are seen")
                                .optional(
                                        "allow_duplicate_attention", true, "keys met in several rounds count as often")
                                .optional(
                                        "rotations_per_head",
                                        false,
                                        "every head of every sequence hashes in its own way")
                                .optional("padded_length", null, "length to pad to; by default as little as possible")
                                .optional("full_below", 0, "shorter sequences are attended in full, without hashing")
                                .optional("ff_mult", 4, "of a stack: hidden width of the MLPs over the model width")
                                .optional("activation", "gelu", "of a stack: that of the MLPs; gelu_erf is gelu")
                                .optional("norm", "layer_norm", "of a stack: layer_norm")
                                .optional("norm_eps", 1e-5, "of a stack: that of the norms")
                                .optional("reversible", true, "of a stack: activations are recomputed, not kept"))
                .factory(HashingCatalog::build)
                .part(HashingCatalog::part)
                .example("{\"num_heads\": 2, \"head_dim\": 5, \"bucket_size\": 3, \"num_hashes\": 2}")
                .example(
                        "{\"num_heads\": 3, \"head_dim\": 4, \"bucket_size\": 4, \"num_hashes\": 3, \"causal\": true,"
                                + " \"rotations_per_head\": true}")
                .example(
                        "{\"num_heads\": 2, \"head_dim\": 17, \"bucket_size\": 5, \"num_hashes\": 2, \"causal\": true,"
                                + " \"attend_across_buckets\": false, \"allow_duplicate_attention\": false}")
                .example(
                        "{\"num_heads\": 1, \"head_dim\": 3, \"bucket_size\": 1, \"num_hashes\": 3,"
                                + " \"allow_duplicate_attention\": false}")
                .example("{\"d_model\": 12, \"num_heads\": 3, \"bucket_size\": 7, \"num_hashes\": 1, \"causal\": true}")
                .example(
                        "{\"d_model\": 12, \"num_heads\": 3, \"bucket_size\": 5, \"num_hashes\": 2, \"causal\": true,"
                                + " \"rope_theta\": 100.0, \"rope_style\": \"interleaved\"}")
                .example(
                        "{\"d_model\": 10, \"num_heads\": 2, \"bucket_size\": 8, \"num_hashes\": 2, \"padded_length\": 96}")
                .example(
                        "{\"d_model\": 8, \"num_heads\": 2, \"bucket_size\": 2, \"num_hashes\": 2, \"full_below\": 50,"
                                + " \"causal\": true}")
                .example(
                        "{\"d_model\": 8, \"num_heads\": 2, \"depth\": 3, \"bucket_size\": 4, \"num_hashes\": 2,"
                                + " \"causal\": true, \"ff_mult\": 2}")
                .example(
                        "{\"d_model\": 6, \"num_heads\": 1, \"depth\": 2, \"bucket_size\": 3, \"num_hashes\": 1,"
                                + " \"activation\": \"silu\", \"norm_eps\": 1e-3, \"reversible\": false}")
                .build();
    }

    // A quarter of the context in each bucket, as far as that is a power of two that keeps the kernel busy.
    private static LshAttentionSpec part(StackSizes sizes) {
        int quarter = Integer.highestOneBit(Math.max(1, sizes.context() / 4));
        return LshAttentionSpec.of(sizes.heads()).bucketSize(Math.min(LARGEST_BUCKET, quarter));
    }

    private static Subject build(Config config, Seed seed) {
        LshAttentionSpec spec = spec(config);
        if (!config.has("d_model")) {
            if (config.has("depth")) {
                throw new ConfigException("depth: a stack needs its width; give d_model");
            }
            if (config.has("rope_theta")) {
                throw new ConfigException("rope_theta: the core has no positions; give d_model to build a layer");
            }
            return new CoreSubject(spec, config.integer("head_dim"), seed);
        }
        int width = config.integer("d_model");
        LshAttention layer = spec.create(width, 1, seed);
        if (config.has("head_dim") && config.integer("head_dim") * spec.heads() != width) {
            throw new ConfigException(
                    "head_dim: "
                            + config.integer("head_dim")
                            + " is not the width "
                            + width
                            + " over "
                            + spec.heads()
                            + " heads; leave it out");
        }
        return config.has("depth") ? stack(config, spec, width, seed) : new LayerSubject(layer);
    }

    private static LshAttentionSpec spec(Config config) {
        return new LshAttentionSpec(
                config.integer("num_heads"),
                config.integer("bucket_size"),
                config.integer("num_hashes"),
                new SortedChunks.Rules(
                        config.flag("causal"),
                        config.flag("attend_across_buckets"),
                        config.flag("allow_duplicate_attention")),
                config.flag("rotations_per_head"),
                config.integer("padded_length", 0),
                config.integer("full_below"),
                Initialiser.normal(0.3),
                Optional.ofNullable(RopeKeys.of(config)));
    }

    private static Subject stack(Config config, LshAttentionSpec spec, int width, Seed seed) {
        String norm = config.text("norm");
        if (!norm.equals("layer_norm")) {
            throw new ConfigException("norm: '" + norm + "' is not known; use layer_norm");
        }
        String activation = config.text("activation");
        ReversibleLsh.Spec stack =
                new ReversibleLsh.Spec(
                        spec,
                        config.integer("depth"),
                        config.integer("ff_mult"),
                        activation.equals("gelu_erf") ? Activation.GELU : Activation.of(activation),
                        config.number("norm_eps"),
                        config.flag("reversible"));
        return new StackSubject(new ReversibleLsh(stack, width, seed));
    }
}
