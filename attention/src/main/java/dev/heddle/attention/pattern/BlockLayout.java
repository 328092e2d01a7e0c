package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Attention between blocks of `b` tokens: query `i` of a head sees key `j` iff the head's layout joins block `⌊i/b⌋` with
/// block `⌊j/b⌋`. Any layout will do.
///
/// The blocks hold positions `0..nb·b−1`; tokens outside see nothing and are seen by none. Head `h` takes the layout of
/// head `h mod H`, so that one layout serves all heads. Heads with equal layouts share one list of runs.
public final class BlockLayout implements AttentionPattern {
    private final BlockRuns[] heads;
    private final int block;
    private final int origin;

    private BlockLayout(BlockRuns[] heads, int block, int origin) {
        this.heads = heads;
        this.block = block;
        this.origin = origin;
    }

    /// The layout whose head `h` joins query block `I` with key block `J` iff bit `J` of `heads.get(h)[I]` is set.
    ///
    /// @param block tokens in a block, b
    /// @throws ConfigException if there is no head, `block` is below 1, the heads differ in their number of blocks, or a
    ///     bit is beyond it
    public static BlockLayout of(int block, List<BitSet[]> heads) {
        Patterns.requirePositive("block", block);
        Patterns.requirePositive("heads of the layout", heads.size());
        int blocks = heads.getFirst().length;
        if ((long) blocks * block > Integer.MAX_VALUE) {
            throw new ConfigException(
                    "layout: " + blocks + " blocks of " + block + " tokens; use 2^31 tokens or fewer");
        }
        List<BlockRuns> runs = new ArrayList<>();
        for (BitSet[] head : heads) {
            for (BitSet row : head) {
                if (head.length != blocks || row.length() > blocks) {
                    throw new ConfigException("layout: a head does not have " + blocks + " by " + blocks + " blocks");
                }
            }
            runs.add(new BlockRuns(head));
        }
        return new BlockLayout(shared(runs.stream()), block, 0);
    }

    private static BlockRuns[] shared(Stream<BlockRuns> heads) {
        Map<BlockRuns, BlockRuns> known = new HashMap<>();
        return heads.map(head -> known.computeIfAbsent(head, same -> same)).toArray(BlockRuns[]::new);
    }

    /// The layout that a mask of blocks says.
    ///
    /// @param layout BOOL `[H or 1, nb, nb]`, true where a query block (row) sees a key block (column)
    /// @param block tokens in a block, b
    /// @throws ShapeException if the tensor is another
    /// @throws ConfigException if `block` is below 1
    public static BlockLayout of(int block, Tensor layout) {
        if (layout.dtype() != DType.BOOL || layout.rank() != 3 || layout.dim(1) != layout.dim(2)) {
            throw new ShapeException("block_layout: found " + layout + "; BOOL[heads, blocks, blocks] is needed");
        }
        int blocks = layout.dim(1);
        boolean[] joined = layout.toBooleans();
        List<BitSet[]> heads = new ArrayList<>();
        int at = 0;
        for (int h = 0; h < layout.dim(0); h++) {
            BitSet[] rows = new BitSet[blocks];
            for (int row = 0; row < blocks; row++) {
                rows[row] = new BitSet(blocks);
                for (int column = 0; column < blocks; column++) {
                    rows[row].set(column, joined[at++]);
                }
            }
            heads.add(rows);
        }
        return of(block, heads);
    }

    /// The same blocks with the first one starting at a position.
    ///
    /// @throws ConfigException if `position` is negative
    public BlockLayout startingAt(int position) {
        if (position < 0) {
            throw new ConfigException("layout: position " + position + " is negative; use 0 or more");
        }
        return new BlockLayout(heads, block, position);
    }

    /// Tokens in a block.
    public int block() {
        return block;
    }

    /// Blocks of a row of the layout.
    public int blocks() {
        return heads[0].blocks();
    }

    /// Heads with a layout of their own.
    public int heads() {
        return heads.length;
    }

    /// Whether a head joins a query block with a key block.
    public boolean joins(int head, int row, int column) {
        BlockRuns runs = of(head);
        int run = runs.from(row, column);
        return run < runs.end(row) && runs.start(run) <= column;
    }

    /// The layout as a mask of blocks, BOOL `[count, nb, nb]`.
    ///
    /// @param count heads to write out
    public Tensor toTensor(int count) {
        int blocks = blocks();
        boolean[] joined = new boolean[Math.multiplyExact(Math.multiplyExact(count, blocks), blocks)];
        for (int i = 0; i < joined.length; i++) {
            joined[i] = joins(i / blocks / blocks, i / blocks % blocks, i % blocks);
        }
        return Tensor.of(joined, count, blocks, blocks);
    }

    private BlockRuns of(int head) {
        return heads[head % heads.length];
    }

    private int tokens() {
        return blocks() * block;
    }

    @Override
    public boolean allows(int head, int query, int key) {
        int i = query - origin;
        int j = key - origin;
        return i >= 0 && i < tokens() && j >= 0 && j < tokens() && joins(head, i / block, j / block);
    }

    @Override
    public long bits(int head, int query, int key) {
        int i = query - origin;
        if (i < 0 || i >= tokens()) {
            return 0;
        }
        int j = key - origin;
        BlockRuns runs = of(head);
        int row = i / block;
        long bits = 0;
        for (int run = runs.from(row, Math.floorDiv(j, block)); run < runs.end(row); run++) {
            int from = runs.start(run) * block - j;
            if (from >= BITS) {
                break;
            }
            bits |= AttentionPattern.firstBits(runs.stop(run) * block - j) & ~AttentionPattern.firstBits(from);
        }
        return bits;
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        BlockRuns runs = of(head);
        boolean all = q0 >= origin && q1 <= origin + tokens();
        boolean none = true;
        for (int row = firstRow(q0); row <= lastRow(q1); row++) {
            int seen = seen(runs, row, k0 - origin, k1 - origin);
            none &= seen == 0;
            all &= seen == k1 - k0;
            if (!none && !all) {
                return Tile.PARTIAL;
            }
        }
        return none ? Tile.EMPTY : Tile.FULL;
    }

    private int firstRow(int q0) {
        return Math.max(0, Math.floorDiv(q0 - origin, block));
    }

    private int lastRow(int q1) {
        return Math.min(blocks() - 1, Math.floorDiv(q1 - 1 - origin, block));
    }

    // How many of the keys j0..j1-1, counted from the origin, a query block sees.
    private int seen(BlockRuns runs, int row, int j0, int j1) {
        int seen = 0;
        for (int run = runs.from(row, Math.floorDiv(j0, block)); run < runs.end(row); run++) {
            int start = Math.max(j0, runs.start(run) * block);
            if (start >= j1) {
                break;
            }
            seen += Math.min(j1, runs.stop(run) * block) - start;
        }
        return seen;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        int first = firstRow(q0);
        int last = lastRow(q1);
        if (first > last) {
            return KeyRanges.NONE;
        }
        int[] bounds = of(head).union(first, last);
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = origin + bounds[i] * block;
        }
        return KeyRanges.sorted(bounds);
    }

    @Override
    public boolean isUniform(int count) {
        return IntStream.range(1, Math.min(count, heads.length)).allMatch(head -> of(head).equals(of(0)));
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        BlockRuns runs = of(head);
        int first = keys - queries - origin;
        int stop = keys - origin;
        long pairs = 0;
        for (int row = 0; row < blocks(); row++) {
            int rows = Math.min((row + 1) * block, stop) - Math.max(row * block, first);
            if (rows > 0) {
                pairs += (long) rows * seen(runs, row, -origin, stop);
            }
        }
        return pairs;
    }

    /// With causal attention the answers stay exact.
    @Override
    public AttentionPattern and(AttentionPattern other) {
        if (!other.equals(Patterns.causal())) {
            return AttentionPattern.super.and(other);
        }
        BlockRuns[] earlier = shared(Arrays.stream(heads).map(BlockRuns::lowerTriangle));
        return new CausalBlocks(new BlockLayout(earlier, block, origin));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof BlockLayout layout
                && block == layout.block
                && origin == layout.origin
                && Arrays.equals(heads, layout.heads);
    }

    @Override
    public int hashCode() {
        return Objects.hash(block, origin, Arrays.hashCode(heads));
    }

    @Override
    public String toString() {
        return "BlockLayout[" + heads() + " heads of " + blocks() + " blocks of " + block + " tokens]";
    }

    /// A layout without blocks above the diagonal, cut along the diagonal of tokens.
    private record CausalBlocks(BlockLayout layout) implements AttentionPattern {
        @Override
        public boolean allows(int head, int query, int key) {
            return key <= query && layout.allows(head, query, key);
        }

        @Override
        public long bits(int head, int query, int key) {
            return layout.bits(head, query, key) & Patterns.causal().bits(head, query, key);
        }

        @Override
        public Tile tile(int head, int q0, int q1, int k0, int k1) {
            if (k1 - 1 <= q0) {
                return layout.tile(head, q0, q1, k0, k1);
            }
            // The last query of a block sees what any of the block's sees.
            for (int row = layout.firstRow(q0); row <= layout.lastRow(q1); row++) {
                int stop = Math.min(q1 - layout.origin, (row + 1) * layout.block);
                int seen = layout.seen(layout.of(head), row, k0 - layout.origin, Math.min(k1 - layout.origin, stop));
                if (seen > 0) {
                    return Tile.PARTIAL;
                }
            }
            return Tile.EMPTY;
        }

        @Override
        public KeyRanges keys(int head, int q0, int q1) {
            return layout.keys(head, q0, q1).intersect(KeyRanges.of(Integer.MIN_VALUE, q1));
        }

        @Override
        public boolean isUniform(int count) {
            return layout.isUniform(count);
        }

        @Override
        public long pairs(int head, int queries, int keys) {
            BlockRuns runs = layout.of(head);
            long pairs = 0;
            for (int row = 0; row < layout.blocks(); row++) {
                int start = row * layout.block;
                int from = Math.max(start, keys - queries - layout.origin);
                int to = Math.min(start + layout.block, keys - layout.origin);
                if (from < to) {
                    pairs += (long) (to - from) * layout.seen(runs, row, -layout.origin, start);
                    // The query at place p of a block sees p + 1 keys of its own block.
                    long own = (to - (long) from) * (from - start + 1L + to - start) / 2;
                    pairs += layout.joins(head, row, row) ? own : 0;
                }
            }
            return pairs;
        }
    }
}
