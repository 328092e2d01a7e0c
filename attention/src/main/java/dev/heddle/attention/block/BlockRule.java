package dev.heddle.attention.block;

import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Seed;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// How a layout of blocks is made for any number of blocks: the rules of DeepSpeed's sparse attention.
///
/// `I` is the block of the query (row), `J` that of the key (column), `h` the head. Unidirectional rules look back by whole
/// blocks only, and some of them join blocks above the diagonal all the same: add `.and(Patterns.causal())` for a decoder.
///
/// Source: microsoft/DeepSpeed, deepspeed/ops/sparse_attention/sparsity_config.py.
public sealed interface BlockRule {
    /// Joins the blocks of one head that are not random.
    void join(BlockGrid grid, int head);

    /// Random columns of every row.
    default int randomBlocks() {
        return 0;
    }

    /// One past the last column that a row may draw.
    default int randomLimit(int row, int blocks) {
        return blocks;
    }

    /// The fewest blocks that a sequence must have.
    default int fewestBlocks() {
        return 1;
    }

    /// The random columns that a seed gives, drawn from all that a row may have.
    ///
    /// @param heads heads with columns of their own
    /// @throws ConfigException if there are fewer blocks than random columns
    default RandomBlocks draw(int heads, int blocks, Seed seed) {
        return RandomBlocks.drawn(
                heads,
                blocks,
                randomBlocks(),
                seed,
                (_, row) -> {
                    BitSet all = new BitSet();
                    all.set(0, randomLimit(row, blocks));
                    return all;
                });
    }

    /// The layout of a sequence.
    ///
    /// @param block tokens in a block
    /// @param blocks blocks of the sequence
    /// @param heads heads with a layout of their own
    /// @param random columns for every row, as from [#draw]
    /// @throws ConfigException if the sequence has too few blocks
    /// @throws InputException if the random columns are of other rows or beyond the sequence
    default BlockLayout layout(int block, int blocks, int heads, RandomBlocks random) {
        if (blocks < fewestBlocks()) {
            throw new ConfigException(
                    "layout: "
                            + blocks
                            + " blocks for "
                            + this
                            + "; use "
                            + fewestBlocks()
                            + " or more, or fewer window, random and global blocks");
        }
        if (randomBlocks() > 0 && random.rows() != blocks) {
            throw new InputException(
                    "rand_blocks: rows for " + random.rows() + " blocks; " + blocks + " are needed, one for each");
        }
        List<BitSet[]> layouts = new ArrayList<>();
        for (int head = 0; head < heads; head++) {
            BlockGrid grid = new BlockGrid(blocks);
            join(grid, head);
            for (int row = 0; row < blocks && randomBlocks() > 0; row++) {
                random.join(grid, row, head, row, randomLimit(row, blocks));
            }
            layouts.add(grid.rows());
        }
        return BlockLayout.of(block, layouts);
    }

    /// All blocks see all.
    record Dense() implements BlockRule {
        @Override
        public void join(BlockGrid grid, int head) {
            grid.joinRows(0, grid.blocks());
        }
    }

    /// Local windows of equal size, and global blocks at the same place of every window: with several patterns, heads take
    /// different places in turn, from the end of the window. The last, short window has its global blocks at its end.
    ///
    /// @param localBlocks blocks of a window
    /// @param globalBlocks global blocks of a window; 0 for none
    /// @param globalPatterns places that heads take in turn
    /// @param horizontal global blocks see all blocks too
    /// @param unidirectional rows see columns up to themselves, and global ones from their first row on
    record Fixed(int localBlocks, int globalBlocks, int globalPatterns, boolean horizontal, boolean unidirectional)
            implements BlockRule {
        /// @throws ConfigException if the sizes do not fit together
        public Fixed {
            requireAtLeast("num_local_blocks", localBlocks, 1);
            requireAtLeast("num_global_blocks", globalBlocks, 0);
            requireAtLeast("num_different_global_patterns", globalPatterns, 1);
            if (globalBlocks > 0 && localBlocks % globalBlocks != 0) {
                throw new ConfigException(
                        "num_local_blocks: "
                                + localBlocks
                                + " is no multiple of "
                                + globalBlocks
                                + " global blocks; use "
                                + (localBlocks / globalBlocks + 1) * globalBlocks);
            }
            if (globalBlocks > 0 && globalPatterns > localBlocks / globalBlocks) {
                throw new ConfigException(
                        "num_different_global_patterns: "
                                + globalPatterns
                                + " places in a window that has "
                                + localBlocks / globalBlocks
                                + "; use that or fewer");
            }
            refuseHorizontal(horizontal, unidirectional);
        }

        @Override
        public int fewestBlocks() {
            return Math.max(1, globalBlocks);
        }

        @Override
        public void join(BlockGrid grid, int head) {
            int blocks = grid.blocks();
            for (int start = 0; start < blocks; start += localBlocks) {
                grid.joinLocal(start, start + localBlocks, unidirectional);
            }
            int place = localBlocks - (1 + head % globalPatterns) * globalBlocks;
            int end = blocks - blocks % localBlocks;
            for (int at = place; at < end; at += localBlocks) {
                joinGlobal(grid, at);
            }
            if (end < blocks) {
                joinGlobal(grid, Math.min(end + place, blocks - globalBlocks));
            }
        }

        private void joinGlobal(BlockGrid grid, int at) {
            grid.joinColumns(at, at + globalBlocks, unidirectional ? at : 0);
            if (horizontal) {
                grid.joinRows(at, at + globalBlocks);
            }
        }
    }

    /// Local windows of given sizes, the last one repeated; given global blocks; random columns.
    ///
    /// @param windows blocks of the first, second … window
    /// @param globals global blocks
    /// @param randomBlocks random columns of a row, from all blocks even if unidirectional
    /// @param horizontal global blocks see all blocks too
    /// @param unidirectional rows see columns of their window up to themselves, and global ones from their first row on
    record Variable(
            List<Integer> windows,
            List<BlockRange> globals,
            int randomBlocks,
            boolean horizontal,
            boolean unidirectional)
            implements BlockRule {
        /// @throws ConfigException if there is no window, a size is out of range, or unidirectional blocks are to see all
        public Variable {
            windows = List.copyOf(windows);
            globals = List.copyOf(globals);
            requireAtLeast("local_window_blocks, their number", windows.size(), 1);
            windows.forEach(size -> requireAtLeast("local_window_blocks", size, 1));
            requireAtLeast("num_random_blocks", randomBlocks, 0);
            refuseHorizontal(horizontal, unidirectional);
        }

        @Override
        public int fewestBlocks() {
            return Math.max(1, randomBlocks);
        }

        @Override
        public void join(BlockGrid grid, int head) {
            int start = 0;
            for (int window = 0; start < grid.blocks(); window++) {
                int stop = Math.min(grid.blocks(), start + windows.get(Math.min(window, windows.size() - 1)));
                grid.joinLocal(start, stop, unidirectional);
                start = stop;
            }
            for (BlockRange range : globals) {
                grid.joinColumns(range.start(), range.stop(), unidirectional ? range.start() : 0);
                if (horizontal) {
                    grid.joinRows(range.start(), range.stop());
                }
            }
        }
    }

    /// A sliding window, the first blocks global, random columns. Unidirectional, the lower triangle of that, with random
    /// columns up to the row's own.
    ///
    /// @param randomBlocks random columns of a row
    /// @param windowBlocks width of the window; an even one is as wide as the next odd one
    /// @param globalBlocks blocks that see and are seen by all
    record BigBird(int randomBlocks, int windowBlocks, int globalBlocks, boolean unidirectional) implements BlockRule {
        /// @throws ConfigException if a size is out of range, or early rows would have to draw more columns than they have
        public BigBird {
            requireAtLeast("num_random_blocks", randomBlocks, 0);
            requireAtLeast("num_sliding_window_blocks", windowBlocks, 1);
            requireAtLeast("num_global_blocks", globalBlocks, 0);
            if (unidirectional && randomBlocks > 1) {
                throw new ConfigException(
                        "num_random_blocks: "
                                + randomBlocks
                                + " of one block in the first row of a unidirectional layout; use 1 or 0, or attention"
                                + " bidirectional");
            }
        }

        @Override
        public int randomLimit(int row, int blocks) {
            return unidirectional ? row + 1 : blocks;
        }

        @Override
        public int fewestBlocks() {
            return Math.max(windowBlocks, Math.max(randomBlocks, globalBlocks));
        }

        @Override
        public void join(BlockGrid grid, int head) {
            grid.joinWindow(windowBlocks / 2);
            grid.joinRows(0, globalBlocks);
            grid.joinColumns(0, globalBlocks, 0);
            if (unidirectional) {
                grid.keepLowerTriangle();
            }
        }
    }

    /// A sliding window and given global blocks, which see and are seen by all; unidirectional, the lower triangle of that.
    ///
    /// @param windowBlocks width of the window; an even one is as wide as the next odd one
    /// @param globals global blocks
    record Longformer(int windowBlocks, List<BlockRange> globals, boolean unidirectional) implements BlockRule {
        /// @throws ConfigException if the window is empty
        public Longformer {
            globals = List.copyOf(globals);
            requireAtLeast("num_sliding_window_blocks", windowBlocks, 1);
        }

        @Override
        public int fewestBlocks() {
            return windowBlocks;
        }

        @Override
        public void join(BlockGrid grid, int head) {
            grid.joinWindow(windowBlocks / 2);
            for (BlockRange range : globals) {
                grid.joinRows(range.start(), range.stop());
                grid.joinColumns(range.start(), range.stop(), 0);
            }
            if (unidirectional) {
                grid.keepLowerTriangle();
            }
        }
    }

    /// A sliding window alone.
    ///
    /// @param windowBlocks width of the window; an even one is as wide as the next odd one
    record Sliding(int windowBlocks, boolean unidirectional) implements BlockRule {
        /// @throws ConfigException if the window is empty
        public Sliding {
            requireAtLeast("num_sliding_window_blocks", windowBlocks, 1);
        }

        @Override
        public int fewestBlocks() {
            return windowBlocks;
        }

        @Override
        public void join(BlockGrid grid, int head) {
            grid.joinWindow(windowBlocks / 2);
            if (unidirectional) {
                grid.keepLowerTriangle();
            }
        }
    }

    private static void requireAtLeast(String what, int value, int least) {
        if (value < least) {
            throw new ConfigException(what + ": " + value + " is below " + least + "; use " + least + " or more");
        }
    }

    private static void refuseHorizontal(boolean horizontal, boolean unidirectional) {
        if (horizontal && unidirectional) {
            throw new ConfigException(
                    "horizontal_global_attention: global rows see later blocks; use attention bidirectional");
        }
    }
}
