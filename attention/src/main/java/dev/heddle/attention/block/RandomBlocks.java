package dev.heddle.attention.block;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.BitSet;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// Random key blocks for the rows of a layout: given, or drawn from a seed.
///
/// Head `h` takes the blocks of head `h mod heads`. What is given twice counts once.
public final class RandomBlocks {
    private final int heads;
    private final int rows;
    private final int count;
    private final int[] blocks;

    private RandomBlocks(int heads, int rows, int count, int[] blocks) {
        this.heads = heads;
        this.rows = rows;
        this.count = count;
        this.blocks = blocks;
    }

    /// No random blocks.
    public static RandomBlocks none(int rows) {
        return new RandomBlocks(1, rows, 0, new int[0]);
    }

    /// Blocks by number.
    ///
    /// @param blocks I32 `[heads, rows, count]`
    /// @param count random blocks of a row
    /// @throws ShapeException if the tensor is another
    public static RandomBlocks given(Tensor blocks, int count) {
        if (blocks.dtype() != DType.I32 || blocks.rank() != 3 || blocks.dim(0) < 1 || blocks.dim(2) != count) {
            throw new ShapeException("rand_blocks: found " + blocks + "; I32[heads, rows, " + count + "] is needed");
        }
        return new RandomBlocks(blocks.dim(0), blocks.dim(1), count, blocks.toInts());
    }

    /// The blocks that a row of a head may draw from.
    @FunctionalInterface
    interface Candidates {
        BitSet of(int head, int row);
    }

    /// Blocks drawn without replacement, of every row from a seed of its own.
    ///
    /// @throws ConfigException if a row has fewer candidates than it is to draw
    static RandomBlocks drawn(int heads, int rows, int count, Seed seed, Candidates candidates) {
        int[] blocks = new int[Math.multiplyExact(Math.multiplyExact(heads, rows), count)];
        for (int row = 0; row < heads * rows && count > 0; row++) {
            Seed own = seed.split(row / rows).split(row % rows);
            BitSet from = candidates.of(row / rows, row % rows);
            if (from.cardinality() < count) {
                throw new ConfigException(
                        "random blocks: "
                                + count
                                + " asked for in row "
                                + row % rows
                                + ", where "
                                + from.cardinality()
                                + " can be drawn; use that many, or more blocks");
            }
            draw(from.stream().toArray(), count, own.generator(), blocks, row * count);
        }
        return new RandomBlocks(heads, rows, count, blocks);
    }

    // The first steps of a Fisher-Yates shuffle.
    private static void draw(int[] from, int count, RandomGenerator random, int[] into, int at) {
        for (int i = 0; i < count; i++) {
            int chosen = random.nextInt(i, from.length);
            into[at + i] = from[chosen];
            from[chosen] = from[i];
        }
    }

    /// Heads with blocks of their own.
    public int heads() {
        return heads;
    }

    /// Rows with random blocks.
    public int rows() {
        return rows;
    }

    /// The random blocks of a row.
    public IntStream row(int head, int row) {
        int from = (head % heads * rows + row) * count;
        return IntStream.range(from, from + count).map(i -> blocks[i]);
    }

    /// The same as I32 `[heads, rows, count]`.
    public Tensor toTensor() {
        return Tensor.of(blocks, heads, rows, count);
    }

    /// Joins a row of the grid with a row of these.
    ///
    /// @param limit one past the last block that may be chosen
    /// @throws InputException if a block is not one of the first `limit`
    void join(BlockGrid grid, int gridRow, int head, int row, int limit) {
        row(head, row)
                .forEach(
                        block -> {
                            if (block < 0 || block >= limit) {
                                throw new InputException(
                                        "rand_blocks: block " + block + " in row " + row + "; use 0 to " + (limit - 1));
                            }
                            grid.join(gridRow, block, block + 1);
                        });
    }
}
