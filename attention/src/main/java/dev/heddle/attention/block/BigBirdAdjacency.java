package dev.heddle.attention.block;

import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Seed;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// BigBird's graph of blocks: a window, random blocks, and global blocks that see and are seen by all.
///
/// Row `I` sees the blocks of the window around `I`, the global blocks and its random ones. In the internal construction
/// (ITC) blocks of the sequence are global, and the first and the last row have no random blocks. In the extended one (ETC)
/// none is global — tokens in front of the sequence are — and every row has random blocks.
///
/// Source: arXiv 2007.14062 §2; google-research/bigbird, bigbird/core/attention.py.
///
/// @param windowBlocks width of the window; an even one is as wide as the next odd one
/// @param randomBlocks random blocks of a row, r
/// @param globalBlocks global blocks; negative ones count from the end; empty for ETC
/// @param internal true for ITC
public record BigBirdAdjacency(int windowBlocks, int randomBlocks, List<Integer> globalBlocks, boolean internal) {
    /// @throws ConfigException if the window is empty, the number of random blocks negative, or ETC has global blocks
    public BigBirdAdjacency {
        globalBlocks = List.copyOf(globalBlocks);
        if (windowBlocks < 1 || randomBlocks < 0) {
            throw new ConfigException(
                    "blocks: window_blocks "
                            + windowBlocks
                            + ", num_rand_blocks "
                            + randomBlocks
                            + "; use 1 or more and 0 or more");
        }
        if (!internal && !globalBlocks.isEmpty()) {
            throw new ConfigException(
                    "global_blocks: "
                            + globalBlocks
                            + " with kind etc, whose global tokens stand before the sequence; use []");
        }
    }

    /// The fewest blocks in which every row can have its random blocks beside the others, and every global block exists.
    public int fewestBlocks() {
        int fewest = randomBlocks == 0 ? 1 : windowBlocks / 2 * 2 + 1 + globalBlocks.size() + randomBlocks;
        for (int global : globalBlocks) {
            fewest = Math.max(fewest, global < 0 ? -global : global + 1);
        }
        return fewest;
    }

    /// Rows that have random blocks, of a sequence of `blocks`.
    public int randomRows(int blocks) {
        return internal ? Math.max(0, blocks - 2) : blocks;
    }

    private int firstRandomRow() {
        return internal ? 1 : 0;
    }

    /// Draws the random blocks: of every row without replacement from those that it does not see already.
    ///
    /// @param heads heads with blocks of their own
    /// @throws ConfigException if a row has too few left
    public RandomBlocks draw(int heads, int blocks, Seed seed) {
        BlockGrid seen = grid(blocks);
        return RandomBlocks.drawn(
                heads, randomRows(blocks), randomBlocks, seed, (_, row) -> candidates(seen, firstRandomRow() + row));
    }

    // A global row sees every block whatever it draws.
    private BitSet candidates(BlockGrid seen, int row) {
        BitSet others = new BitSet();
        others.set(0, seen.blocks());
        if (globalBlocks.stream().noneMatch(global -> position(global, seen.blocks()) == row)) {
            others.andNot(seen.row(row));
        }
        return others;
    }

    private BlockGrid grid(int blocks) {
        BlockGrid grid = new BlockGrid(blocks);
        grid.joinWindow(windowBlocks / 2);
        for (int global : globalBlocks) {
            int block = position(global, blocks);
            grid.joinRows(block, block + 1);
            grid.joinColumns(block, block + 1, 0);
        }
        return grid;
    }

    private static int position(int global, int blocks) {
        int block = global < 0 ? blocks + global : global;
        if (block < 0 || block >= blocks) {
            throw new ConfigException(
                    "global_blocks: " + global + " of " + blocks + " blocks; use " + -blocks + " to " + (blocks - 1));
        }
        return block;
    }

    /// The layout of a sequence.
    ///
    /// @param block tokens in a block
    /// @param blocks blocks of the sequence
    /// @param random as from [#draw]
    /// @throws ConfigException if a global block does not exist
    /// @throws InputException if the random blocks are of other rows or beyond the sequence
    public BlockLayout layout(int block, int blocks, RandomBlocks random) {
        if (random.rows() != randomRows(blocks)) {
            throw new InputException(
                    "rand_blocks: "
                            + random.rows()
                            + " rows for "
                            + blocks
                            + " blocks; "
                            + randomRows(blocks)
                            + " are needed");
        }
        List<BitSet[]> heads = new ArrayList<>();
        for (int head = 0; head < random.heads(); head++) {
            BlockGrid grid = grid(blocks);
            for (int row = 0; row < random.rows(); row++) {
                random.join(grid, firstRandomRow() + row, head, row, blocks);
            }
            heads.add(grid.rows());
        }
        return BlockLayout.of(block, heads);
    }
}
