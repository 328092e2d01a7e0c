package dev.heddle.attention.block;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.LeadingTokens;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.List;
import java.util.Map;

/// BigBird's attention: the blocks of a [BigBirdAdjacency] and, in the extended construction, global tokens in front. The
/// random blocks are the input `rand_blocks`, or drawn.
///
/// A sequence that no whole number of blocks holds, or that has fewer blocks than random ones need, is padded up to that:
/// the last block is that of the padded sequence.
///
/// Source: arXiv 2007.14062.
final class BigBird implements CorePattern {
    private final BigBirdAdjacency adjacency;
    private final int heads;
    private final int block;
    private final int globalTokens;
    private final boolean strict;
    private final Seed seed;

    BigBird(Config config, Seed seed) {
        boolean internal = isInternal(config.text("kind"));
        heads = config.integer("num_heads");
        block = config.integer("block_size");
        globalTokens = config.integer("global_tokens", 0);
        strict = config.flag("strict");
        this.seed = (config.has("seed") ? Seed.of(config.integer("seed")) : seed).split("rand_blocks");
        adjacency =
                new BigBirdAdjacency(
                        config.integer("window_blocks"),
                        config.integer("num_rand_blocks"),
                        globalBlocks(config, internal),
                        internal);
        if (block < 1) {
            throw new ConfigException("block_size: " + block + " tokens; use 1 or more");
        }
        if (globalTokens < 0 || (internal && globalTokens > 0)) {
            throw new ConfigException(
                    "global_tokens: "
                            + globalTokens
                            + " with kind "
                            + config.text("kind")
                            + "; use 0 or more with kind etc");
        }
        requireAttentionType(config.text("attention_type"));
        if (config.flag("causal")) {
            throw new ConfigException(
                    "causal: BigBird sees both sides; use causal false, or block-sparse with layout bigbird and causal true");
        }
    }

    static Schema.Builder schema() {
        return Schema.builder()
                .required("num_heads", "heads")
                .required("head_dim", "width of a head")
                .optional("block_size", 64, "tokens in a block")
                .optional("num_rand_blocks", 3, "random blocks of a row")
                .optional("window_blocks", 3, "width of the window in blocks")
                .optional("global_blocks", null, "itc: global blocks, negative from the end; [0, -1] by default")
                .optional("kind", "itc", "itc: blocks are global; etc: tokens in front of the blocks are")
                .optional("global_tokens", null, "etc: global tokens in front; 0 by default")
                .optional("attention_type", "block_sparse", "block_sparse, simulated_sparse or masked: one function")
                .optional("causal", false, "always false")
                .optional("seed", null, "of the random blocks; that of the subject by default")
                .optional("strict", false, "refuse sequences that are no whole number of blocks, or too short");
    }

    private static boolean isInternal(String kind) {
        return switch (kind) {
            case "itc" -> true;
            case "etc" -> false;
            default -> throw new ConfigException("kind: '" + kind + "' is not known; use itc or etc");
        };
    }

    private static List<Integer> globalBlocks(Config config, boolean internal) {
        if (config.has("global_blocks")) {
            return BlockSparseConfig.integers(config, "global_blocks");
        }
        return internal ? List.of(0, -1) : List.of();
    }

    private static void requireAttentionType(String type) {
        if (!List.of("block_sparse", "simulated_sparse", "masked").contains(type)) {
            throw new ConfigException(
                    "attention_type: '"
                            + type
                            + "' is not known; use block_sparse, simulated_sparse or masked, or the variant mha for full"
                            + " attention");
        }
    }

    @Override
    public AttentionPattern pattern(int tokens, Map<String, Tensor> inputs) {
        BlockLayout layout = layout(tokens, inputs);
        return globalTokens == 0 ? layout : new LeadingTokens(globalTokens).or(layout.startingAt(globalTokens));
    }

    @Override
    public BlockLayout layout(int tokens, Map<String, Tensor> inputs) {
        int rest = Math.max(0, tokens - globalTokens);
        if (strict && rest % block != 0) {
            throw new InputException(
                    "tokens: " + rest + " are no whole number of blocks of " + block + "; pad them, or strict false");
        }
        int needed = Math.ceilDiv(rest, block);
        Tensor random = inputs.get("rand_blocks");
        if (random != null) {
            return adjacency.layout(block, needed, RandomBlocks.given(random, adjacency.randomBlocks()));
        }
        int blocks = strict ? needed : Math.max(needed, adjacency.fewestBlocks());
        return adjacency.layout(block, blocks, adjacency.draw(heads, blocks, seed));
    }
}
