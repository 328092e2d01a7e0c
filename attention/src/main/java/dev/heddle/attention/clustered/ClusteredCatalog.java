package dev.heddle.attention.clustered;

import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import java.util.List;

/// Clustered attention.
public final class ClusteredCatalog implements CatalogProvider {
    // Clustering alone takes what it is given; this is what its samples look like.
    private static final int SAMPLE_HEADS = 2;
    private static final int SAMPLE_WIDTH = 8;

    @Override
    public List<Variant> variants() {
        return List.of(
                Variant.of("clustered", "attention")
                        .sparse()
                        .summary("Clustered attention: queries that are alike attend together, exactly to the top keys")
                        .source("arXiv 2007.04825; idiap/fast-transformers")
                        .schema(schema())
                        .factory(ClusteredCatalog::build)
                        .example(
                                "{\"kind\": \"clustered\", \"clusters\": 5, \"num_heads\": 3, \"head_dim\": 7,"
                                        + " \"bits\": 11}")
                        .example(
                                "{\"kind\": \"clustered\", \"clusters\": 1, \"num_heads\": 2, \"head_dim\": 4,"
                                        + " \"hash_bias\": false, \"iterations\": 1}")
                        .example(
                                "{\"kind\": \"improved\", \"clusters\": 3, \"num_heads\": 2, \"head_dim\": 5,"
                                        + " \"topk\": 4, \"bits\": 13, \"mass_gradient\": \"full\"}")
                        .example(
                                "{\"kind\": \"improved\", \"clusters\": 4, \"num_heads\": 2, \"head_dim\": 16,"
                                        + " \"iterations\": 3, \"mass_gradient\": \"full\"}")
                        .build());
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("kind", "clustered, improved (with top keys) or clustering (nothing but the clusters)")
                .required("clusters", "clusters of queries")
                .optional("num_heads", null, "heads; not needed for clustering alone")
                .optional("head_dim", null, "width of queries, keys and values; not needed for clustering alone")
                .optional("topk", 32, "keys that each query of the improved kind attends to by itself")
                .optional("mass_gradient", "stop", "stop or full: whether gradients flow through the top keys' mass")
                .optional("iterations", 10, "assignments of queries to centroids")
                .optional("bits", HammingClustering.MOST_BITS, "planes that queries are hashed by, at most 63")
                .optional("hash_bias", true, "planes need not go through the origin");
    }

    private static Subject build(Config config, Seed seed) {
        HammingClustering clustering =
                new HammingClustering(
                        config.integer("clusters"),
                        config.integer("bits"),
                        config.integer("iterations"),
                        config.flag("hash_bias"),
                        seed);
        return switch (config.text("kind")) {
            case "clustered" -> attention(config, 0, clustering);
            case "improved" -> attention(config, topk(config), clustering);
            case "clustering" ->
                    new ClusteringSubject(
                            clustering,
                            config.integer("num_heads", SAMPLE_HEADS),
                            config.integer("head_dim", SAMPLE_WIDTH));
            default ->
                    throw new ConfigException(
                            "kind: '" + config.text("kind") + "' is not known; use clustered, improved or clustering");
        };
    }

    private static int topk(Config config) {
        int topk = config.integer("topk");
        if (topk < 1) {
            throw new ConfigException("topk: " + topk + " is less than 1; use 1 or more, or the kind clustered");
        }
        return topk;
    }

    private static Subject attention(Config config, int topk, HammingClustering clustering) {
        ClusteredAttention attention =
                new ClusteredAttention(clustering.clusters(), topk, isMassDifferentiated(config));
        return new ClusteredSubject(attention, clustering, config.integer("num_heads"), config.integer("head_dim"));
    }

    private static boolean isMassDifferentiated(Config config) {
        return switch (config.text("mass_gradient")) {
            case "full" -> true;
            case "stop" -> false;
            default ->
                    throw new ConfigException(
                            "mass_gradient: '" + config.text("mass_gradient") + "' is not known; use stop or full");
        };
    }
}
