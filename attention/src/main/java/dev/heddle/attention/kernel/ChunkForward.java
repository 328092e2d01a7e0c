package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;

/// The forward pass of [TiledChunks] over the chunks of one task, with one thread's arrays.
final class ChunkForward {
    private static final int TILE = PackedTiles.TILE;
    private static final ThreadLocal<ChunkForward> OWN = new ThreadLocal<>();

    private final ChunkTiles tiles;
    private final OnlineSoftmax softmax;
    private final int width;
    private final float[] queries;
    private final float[] scores;

    private ChunkForward(SortedChunks chunks, int width) {
        this.width = width;
        tiles = new ChunkTiles(chunks, width);
        softmax = new OnlineSoftmax(tiles.rows);
        queries = new float[tiles.rows * width];
        scores = new float[tiles.rows * TILE];
    }

    /// This thread's, kept from call to call while the sizes stay.
    static ChunkForward own(SortedChunks chunks, int width) {
        ChunkForward own = OWN.get();
        if (own == null || !own.tiles.fits(chunks, width)) {
            own = new ChunkForward(chunks, width);
            OWN.set(own);
        }
        return own;
    }

    void run(SortedChunks chunks, int head, int from, int stop, ChunkRows rows, Running running) {
        tiles.gather(chunks, head, chunks.before(from), 1 - (from & 1), rows, false);
        long done = 0;
        for (int chunk = from; chunk < stop; chunk++) {
            tiles.gather(chunks, head, chunk, chunk & 1, rows, false);
            tiles.queries(chunks, head, chunk, rows, queries);
            softmax.clear(tiles.rows, width);
            for (int tile = 0; tile < 2 * tiles.tiles; tile++) {
                if (tiles.allow(chunks, head, chunk, tile)) {
                    done += visit(chunks, head, tile);
                }
            }
            for (int r = 0; r < tiles.size; r++) {
                float sum = softmax.sum(r);
                if (sum != 0) {
                    running.merge(head, tiles.queries[r], softmax.reference(r), sum, softmax.values, r * tiles.padded);
                }
            }
        }
        WorkMeter.add(done);
    }

    private long visit(SortedChunks chunks, int head, int tile) {
        int rows = tiles.rows;
        int padded = tiles.padded;
        int depth = tiles.count(tile);
        int columns = Lanes.padded(depth);
        Arrays.fill(scores, 0, rows * TILE, 0);
        TileProducts.multiply(
                queries, 0, width, tiles.keyColumns(tile), TILE * 4L, scores, 0, TILE, rows, columns, width);
        for (int r = 0; r < rows; r++) {
            tiles.correct(chunks, head, r, tile, scores);
            if (tiles.bits[r] != -1L) {
                TileScores.mask(scores, r * TILE, 0, TILE, tiles.bits[r], Float.NEGATIVE_INFINITY);
            }
        }
        softmax.add(scores, 0, rows, 0, TILE);
        TileProducts.multiplyRows(
                tiles.isFinite(tile), scores, 0, false, tiles.valueRows(tile), padded, softmax.values, 0, rows, depth);
        return (long) rows * ((long) columns * width + (long) depth * padded);
    }

    /// What the rounds so far have found out about the queries, a row each: the weighted sum of the values, what it is
    /// relative to (in units of log 2), and the sum of the powers.
    static final class Running {
        private static final int NUMBERS = 16;

        private final long tokens;
        private final int width;
        private final int padded;
        private final Tensor memory;

        Running(SortedChunks chunks, int width) {
            this.tokens = chunks.tokens();
            this.width = width;
            padded = Lanes.padded(width);
            memory = Tensor.zeros(DType.F32, chunks.batch() * chunks.heads(), chunks.tokens(), padded + NUMBERS);
        }

        private long row(int head, int token) {
            return memory.address() + (long) Float.BYTES * (padded + NUMBERS) * (head * tokens + token);
        }

        private void merge(int head, int token, float reference, float sum, float[] values, int at) {
            long row = row(head, token);
            long numbers = row + (long) Float.BYTES * padded;
            float before = Native.getFloat(numbers + Float.BYTES);
            float last = before == 0 ? reference : Native.getFloat(numbers);
            float highest = Math.max(reference, last);
            float keep = power(last - highest);
            float share = power(reference - highest);
            RowMath.mix(row, keep, values, at, share, padded);
            Native.setFloat(numbers, highest);
            Native.setFloat(numbers + Float.BYTES, before * keep + sum * share);
        }

        private static float power(float x) {
            return x == 0 ? 1 : (float) Math.exp(x * Lanes.LN_2);
        }

        /// Writes the output of a query and returns its log-sum-exp; without a key it writes nothing and returns −∞.
        float finish(int head, int token, long y) {
            long row = row(head, token);
            long numbers = row + (long) Float.BYTES * padded;
            float sum = Native.getFloat(numbers + Float.BYTES);
            if (sum == 0) {
                return Float.NEGATIVE_INFINITY;
            }
            RowMath.scale(row, 1 / sum, y, width);
            return (float) (Native.getFloat(numbers) * Lanes.LN_2 + Math.log(sum));
        }
    }
}
