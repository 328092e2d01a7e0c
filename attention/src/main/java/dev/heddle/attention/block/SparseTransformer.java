package dev.heddle.attention.block;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.SummaryColumns;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/// The factorised patterns of the Sparse Transformer: two sparse steps that together reach every earlier token.
///
/// Strided: `A1 = {j : i − l < j ≤ i}`, `A2 = {j ≤ i : l divides i − j}`. Fixed: `A1 = {j ≤ i : ⌊j/l⌋ = ⌊i/l⌋}`,
/// `A2` the summary columns of [SummaryColumns]. They are merged into one softmax, given to heads in turn, or to layers in
/// turn.
///
/// Source: arXiv 1904.10509 §4; openai/sparse_attention, attention.py.
final class SparseTransformer implements CorePattern {
    private final boolean fixed;
    private final String combine;
    private final int heads;
    private final int stride;
    private final int width;
    private final int groups;
    private final int block;
    private final int layer;
    private final boolean strict;
    private final AttentionPattern pattern;

    SparseTransformer(Config config) {
        fixed = isFixed(config.text("pattern"));
        combine = config.text("combine");
        heads = positive(config, "num_heads");
        stride = positive(config, "stride");
        groups = positive(config, "num_verts");
        block = positive(config, "block_size");
        layer = config.integer("layer");
        strict = config.flag("strict");
        if (stride % block != 0) {
            throw new ConfigException(
                    "stride: "
                            + stride
                            + " is no multiple of block_size "
                            + block
                            + "; use "
                            + (stride / block + 1) * block);
        }
        if (layer < 0) {
            throw new ConfigException("layer: " + layer + " is negative; use 0 or more");
        }
        width = width(config);
        requireGroups(config);
        pattern = combined();
    }

    static Schema.Builder schema() {
        return Schema.builder()
                .required("num_heads", "heads")
                .required("head_dim", "width of a head")
                .optional("pattern", "strided", "strided or fixed")
                .optional("combine", "merged", "of the two steps: merged, per_head or interleaved (by layer)")
                .required("stride", "length of the local step, about the square root of the sequence's")
                .optional("c", null, "summary columns of a segment; vertsize·block_size by default")
                .optional("num_verts", 1, "groups of summary columns that heads take in turn, a divisor of the heads")
                .optional("vertsize", null, "blocks of a summary group; c/block_size, or 1, by default")
                .optional("block_size", 1, "tokens in a block, a divisor of stride")
                .optional("causal", true, "always true")
                .optional("layer", 0, "number of the layer, for interleaved")
                .optional("strict", false, "refuse sequences that are no whole number of blocks");
    }

    private static boolean isFixed(String name) {
        return switch (name) {
            case "strided" -> false;
            case "fixed" -> true;
            default -> throw new ConfigException("pattern: '" + name + "' is not known; use strided or fixed");
        };
    }

    private static int positive(Config config, String key) {
        int value = config.integer(key);
        if (value < 1) {
            throw new ConfigException(key + ": " + value + " is below 1; use 1 or more");
        }
        return value;
    }

    private int width(Config config) {
        int verts = config.has("vertsize") ? positive(config, "vertsize") : 1;
        int columns = config.integer("c", Math.multiplyExact(verts, block));
        if (!config.has("vertsize")) {
            verts = Math.max(1, columns / block);
        }
        int inBlocks = Math.multiplyExact(verts, block);
        if (columns != inBlocks && inBlocks > 1) {
            throw new ConfigException(
                    "c: "
                            + columns
                            + " summary columns are not "
                            + inBlocks / block
                            + " blocks of "
                            + block
                            + "; use "
                            + inBlocks
                            + " or another vertsize");
        }
        if (columns < 1 || columns > stride) {
            throw new ConfigException("c: " + columns + " summary columns of " + stride + "; use 1 to " + stride);
        }
        return columns;
    }

    private void requireGroups(Config config) {
        if ((long) groups * width > stride || heads % groups != 0) {
            throw new ConfigException(
                    "num_verts: "
                            + groups
                            + " groups of "
                            + width
                            + " columns for "
                            + heads
                            + " heads and stride "
                            + stride
                            + "; use a divisor of the heads up to "
                            + stride / width);
        }
        if (!config.flag("causal")) {
            throw new ConfigException("causal: false; the factorised patterns are defined for causal attention only");
        }
    }

    private AttentionPattern combined() {
        AttentionPattern near =
                fixed ? Patterns.segments(stride).and(Patterns.causal()) : Patterns.window(stride - 1, 0);
        AttentionPattern far =
                fixed ? new SummaryColumns(stride, width, groups) : new Window(Window.UNLIMITED, 0, stride);
        return switch (combine) {
            case "merged" -> near.or(far);
            case "per_head" -> Patterns.perHead(near, far);
            case "interleaved" -> layer % 2 == 0 ? near : far;
            default ->
                    throw new ConfigException(
                            "combine: '" + combine + "' is not known; use merged, per_head or interleaved");
        };
    }

    @Override
    public AttentionPattern pattern(int tokens, Map<String, Tensor> inputs) {
        if (strict && tokens % block != 0) {
            throw new InputException(
                    "tokens: " + tokens + " are no whole number of blocks of " + block + "; pad them, or strict false");
        }
        return pattern;
    }

    @Override
    public boolean isMadeOfBlocks() {
        return fixed;
    }

    /// The blocks that hold a pair of the pattern; those on the diagonal are causal inside.
    @Override
    public BlockLayout layout(int tokens, Map<String, Tensor> inputs) {
        int blocks = Math.ceilDiv(tokens, block);
        List<BitSet[]> layouts = new ArrayList<>();
        for (int head = 0; head < heads; head++) {
            BlockGrid grid = new BlockGrid(blocks);
            for (int row = 0; row < blocks; row++) {
                for (int column = 0; column <= row; column++) {
                    if (isTouched(head, row, column)) {
                        grid.join(row, column, column + 1);
                    }
                }
            }
            layouts.add(grid.rows());
        }
        return BlockLayout.of(block, layouts);
    }

    private boolean isTouched(int head, int row, int column) {
        int q0 = row * block;
        int k0 = column * block;
        return pattern.tile(head, q0, q0 + block, k0, k0 + block) != Tile.EMPTY;
    }

    @Override
    public boolean isCausal() {
        return true;
    }

    @Override
    public boolean differsByHead() {
        return combine.equals("per_head") || (fixed && groups > 1);
    }
}
