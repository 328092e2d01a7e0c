package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.INTS;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// A chunk of queries and the two chunks of keys that it meets, gathered into one thread's memory: keys and values in
/// tiles of 64, and which pairs are allowed.
///
/// The two chunks of keys have a place each, taken in turn: the queries' own chunk becomes the previous one of the next.
final class ChunkTiles {
    private static final int TILE = PackedTiles.TILE;
    private static final int PANEL = TileProducts.PANEL;

    /// Rows of a key tile rounded up to whole panels.
    static final int KEY_ROWS = (TILE + PANEL - 1) / PANEL * PANEL;

    final int size;
    final int width;
    final int padded;
    final int rounds;

    /// Rows of queries, whole panels.
    final int rows;

    /// Tiles of a chunk of keys.
    final int tiles;

    /// The tokens of the queries, and of the keys by place, tile and column; nobody sees the greatest integer.
    final int[] queries;

    final int[] keys;

    /// The buckets of the keys in the round of their place.
    private final int[] buckets;

    /// The allowed keys of each query in the tile at hand.
    final long[] bits;

    private final float[] corrections;

    // Not from the pool: a tensor would go back to it with the caller's scope.
    private final MemorySegment memory;
    private final boolean[] finite;
    private final int transposedFloats;
    private final int rowFloats;

    ChunkTiles(SortedChunks chunks, int width) {
        this.size = chunks.size();
        this.width = width;
        this.rounds = chunks.rounds();
        padded = Lanes.padded(width);
        rows = (size + PANEL - 1) / PANEL * PANEL;
        tiles = PackedTiles.count(size);
        queries = new int[size];
        keys = new int[2 * tiles * TILE];
        buckets = new int[keys.length];
        bits = new long[rows];
        corrections = new float[2 * rounds + 1];
        for (int n = 0; n < corrections.length; n++) {
            corrections[n] = (float) (SortedChunks.correction(n) * Lanes.LOG2_E);
        }
        transposedFloats = TILE * width;
        rowFloats = TILE * padded;
        long floats = 2L * tiles * 2 * (transposedFloats + rowFloats);
        memory = Arena.ofAuto().allocate(Float.BYTES * floats, 64);
        finite = new boolean[2 * tiles];
    }

    boolean fits(SortedChunks chunks, int newWidth) {
        return chunks.size() == size && chunks.rounds() == rounds && newWidth == width;
    }

    /// Keys of a tile, `[D][64]`.
    long keyColumns(int tile) {
        return memory.address() + (long) Float.BYTES * tile * transposedFloats;
    }

    /// Values of a tile, `[64][padded D]`.
    long valueRows(int tile) {
        return keyColumns(2 * tiles) + (long) Float.BYTES * tile * rowFloats;
    }

    /// Keys of a tile, `[64][padded D]`.
    long keyRows(int tile) {
        return valueRows(2 * tiles) + (long) Float.BYTES * tile * rowFloats;
    }

    /// Values of a tile, `[D][64]`; only the backward pass fills them.
    long valueColumns(int tile) {
        return keyRows(2 * tiles) + (long) Float.BYTES * tile * transposedFloats;
    }

    /// Whether the rows of a tile are free of NaN and infinity.
    boolean isFinite(int tile) {
        return finite[tile];
    }

    /// Keys in a tile of a chunk.
    int count(int tile) {
        return Math.min(TILE, size - tile % tiles * TILE);
    }

    /// Takes in a chunk of keys.
    ///
    /// @param place 0 or 1
    /// @param both also the transposed values and the rows of keys
    void gather(SortedChunks chunks, int head, int chunk, int place, ChunkRows rows, boolean both) {
        int round = chunk / chunks.perRound();
        for (int tile = place * tiles; tile < (place + 1) * tiles; tile++) {
            Arrays.fill(keys, tile * TILE, (tile + 1) * TILE, Integer.MAX_VALUE);
            boolean sound = true;
            for (int j = 0; j < count(tile); j++) {
                int at = tile % tiles * TILE + j;
                int token = chunks.token(head, chunk, at);
                long row = (long) Float.BYTES * j * padded;
                RowMath.scale(rows.vector(head, token, 0), rows.inverseNorm(head, token), keyRows(tile) + row, padded);
                RowMath.scale(rows.vector(head, token, 1), 1, valueRows(tile) + row, padded);
                sound &= rows.isFinite(head, token);
                keys[tile * TILE + j] = chunks.key(head, chunk, at);
                buckets[tile * TILE + j] = chunks.bucket(head, round, token);
            }
            finite[tile] = sound;
            transpose(keyRows(tile), keyColumns(tile), count(tile));
            if (both) {
                transpose(valueRows(tile), valueColumns(tile), count(tile));
            }
        }
    }

    private void transpose(long rows, long columns, int count) {
        long bytes = (long) Float.BYTES * padded;
        int j = 0;
        for (; j + 2 <= count; j += 2) {
            PackedTiles.scatterTwo(rows + j * bytes, rows + (j + 1) * bytes, columns + (long) Float.BYTES * j, width);
        }
        if (j < count) {
            PackedTiles.scatter(rows + j * bytes, 0, columns + (long) Float.BYTES * j, width);
        }
    }

    /// Finds out which keys of a tile the queries of a chunk may see; false if there are none.
    boolean allow(SortedChunks chunks, int head, int chunk, int tile) {
        int round = chunk / chunks.perRound();
        boolean across = chunks.rules().acrossBuckets();
        long any = 0;
        for (int r = 0; r < size; r++) {
            int query = queries[r];
            long seen = below(keys, tile * TILE, chunks.limit(head, query), query);
            if (!across) {
                seen &= equal(buckets, tile * TILE, chunks.bucket(head, round, query));
            }
            bits[r] = seen;
            any |= seen;
        }
        return any != 0;
    }

    private static long below(int[] keys, int at, int limit, int self) {
        long bits = 0;
        for (int n = 0; n < TILE; n += COUNT) {
            IntVector key = IntVector.fromArray(INTS, keys, at + n);
            bits |= key.compare(VectorOperators.LT, limit).and(key.compare(VectorOperators.NE, self)).toLong() << n;
        }
        return bits;
    }

    private static long equal(int[] values, int at, int value) {
        long bits = 0;
        for (int n = 0; n < TILE; n += COUNT) {
            bits |= IntVector.fromArray(INTS, values, at + n).compare(VectorOperators.EQ, value).toLong() << n;
        }
        return bits;
    }

    /// Corrects a query's scores in a tile, in units of log 2, for keys that it meets several times.
    void correct(SortedChunks chunks, int head, int row, int tile, float[] scores) {
        if (chunks.rules().allowDuplicates()) {
            return;
        }
        for (long left = bits[row]; left != 0; left &= left - 1) {
            int j = Long.numberOfTrailingZeros(left);
            int meetings = chunks.meetings(head, queries[row], keys[tile * TILE + j]);
            scores[row * TILE + j] -= corrections[meetings];
        }
    }

    /// Takes in a chunk of queries, scaled so that products with keys are in units of log 2.
    ///
    /// @param scaled receives them, `[rows][D]`; the rows beyond the chunk are left alone
    void queries(SortedChunks chunks, int head, int chunk, ChunkRows rows, float[] scaled) {
        float scale = (float) (Lanes.LOG2_E / Math.sqrt(width));
        for (int r = 0; r < size; r++) {
            queries[r] = chunks.token(head, chunk, r);
            RowMath.readScaled(rows.vector(head, queries[r], 0), scale, scaled, r * width, width);
        }
    }
}
