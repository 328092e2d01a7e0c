package dev.heddle.attention.block;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/// Attention under a layout of blocks: given as the input `block_layout` `[H or 1, nb, nb]`, or made by a [BlockRule] whose
/// random columns are the input `rand_blocks` `[H or 1, nb, r]`, or drawn.
///
/// A sequence that no whole number of blocks holds, or that has fewer blocks than the layout needs, is padded up to that:
/// the layout is that of the padded sequence.
///
/// Source: microsoft/DeepSpeed, deepspeed/ops/sparse_attention.
final class BlockSparse implements CorePattern {
    private final @Nullable BlockRule rule;
    private final int heads;
    private final int layouts;
    private final int block;
    private final boolean causal;
    private final boolean bias;
    private final boolean strict;
    private final Seed seed;

    BlockSparse(Config config, Seed seed) {
        rule = BlockSparseConfig.rule(config);
        heads = config.integer("num_heads");
        layouts = config.flag("different_layout_per_head") ? heads : 1;
        block = config.integer("block");
        causal = config.flag("causal");
        bias = config.flag("rpe");
        strict = config.flag("strict");
        this.seed = (config.has("seed") ? Seed.of(config.integer("seed")) : seed).split("rand_blocks");
        if (block < 1) {
            throw new ConfigException("block: " + block + " tokens; use 1 or more");
        }
        if (config.has("seq_len")) {
            BlockSparseConfig.blocks(config);
        }
    }

    @Override
    public AttentionPattern pattern(int tokens, Map<String, Tensor> inputs) {
        BlockLayout layout = layout(tokens, inputs);
        return causal ? layout.and(Patterns.causal()) : layout;
    }

    @Override
    public BlockLayout layout(int tokens, Map<String, Tensor> inputs) {
        if (strict && tokens % block != 0) {
            throw new InputException(
                    "tokens: " + tokens + " are no whole number of blocks of " + block + "; pad them, or strict false");
        }
        Tensor given = inputs.get("block_layout");
        if (given != null) {
            return given(given, tokens);
        }
        if (rule == null) {
            throw new InputException("block_layout: missing; with layout user give BOOL[heads, blocks, blocks]");
        }
        int needed = Math.ceilDiv(tokens, block);
        int blocks = strict ? needed : Math.max(needed, rule.fewestBlocks());
        Tensor random = inputs.get("rand_blocks");
        return rule.layout(
                block,
                blocks,
                layouts,
                random == null ? rule.draw(layouts, blocks, seed) : RandomBlocks.given(random, rule.randomBlocks()));
    }

    private BlockLayout given(Tensor tensor, int tokens) {
        BlockLayout layout = BlockLayout.of(block, tensor);
        if (layout.heads() != 1 && layout.heads() != heads) {
            throw new ShapeException(
                    "block_layout: " + layout.heads() + " heads; use 1 for all, or " + heads + ", one for each");
        }
        if (layout.blocks() != Math.ceilDiv(tokens, block)) {
            throw new ShapeException(
                    "block_layout: "
                            + layout.blocks()
                            + " blocks of "
                            + block
                            + " for "
                            + tokens
                            + " tokens; use "
                            + Math.ceilDiv(tokens, block));
        }
        return layout;
    }

    /// For a user's layout: one drawn for every head, some of whose rows are empty.
    @Override
    public Map<String, Tensor> sampleInputs(int tokens) {
        if (rule != null) {
            return Map.of();
        }
        int blocks = Math.ceilDiv(tokens, block);
        List<BitSet[]> drawn = new ArrayList<>();
        for (int head = 0; head < heads; head++) {
            RandomGenerator random = seed.split(head).generator();
            BlockGrid grid = new BlockGrid(blocks);
            for (int row = 0; row < blocks; row++) {
                int chosen = random.nextInt(blocks + 1);
                grid.join(row, chosen, chosen + 1 + random.nextInt(2));
            }
            drawn.add(grid.rows());
        }
        return Map.of("block_layout", BlockLayout.of(block, drawn).toTensor(heads));
    }

    @Override
    public boolean isCausal() {
        return causal;
    }

    @Override
    public boolean countsBySequence() {
        return true;
    }

    @Override
    public boolean clearsPaddedRows() {
        return false;
    }

    @Override
    public boolean takesBias() {
        return bias;
    }
}
