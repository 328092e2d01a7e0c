package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.WorkMeter;

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

    /// What the rounds so far have found out about a head's queries.
    ///
    /// @param y the weighted sums of the values
    /// @param references address of what they are relative to, dense `[B, H, N]` in units of log 2
    /// @param sums address of the sums of the powers, dense `[B, H, N]`
    record Running(Heads y, long references, long sums) {}

    void run(SortedChunks chunks, int head, int from, int stop, Heads qk, long keys, Heads v, Running running) {
        tiles.gather(chunks, head, chunks.before(from), 1 - (from & 1), keys, v, false);
        long done = 0;
        for (int chunk = from; chunk < stop; chunk++) {
            tiles.gather(chunks, head, chunk, chunk & 1, keys, v, false);
            tiles.queries(chunks, head, chunk, qk, queries);
            softmax.clear(tiles.rows, width);
            for (int tile = 0; tile < 2 * tiles.tiles; tile++) {
                if (tiles.allow(chunks, head, chunk, tile)) {
                    done += visit(chunks, head, tile);
                }
            }
            for (int r = 0; r < tiles.size; r++) {
                merge(chunks, head, r, running);
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
                queries, 0, width, 1, tiles.keyColumns(tile), TILE * 4L, scores, 0, TILE, rows, columns, width);
        for (int r = 0; r < rows; r++) {
            tiles.correct(chunks, head, r, tile, scores);
            if (tiles.bits[r] != -1L) {
                TileScores.mask(scores, r * TILE, tiles.bits[r], Float.NEGATIVE_INFINITY);
            }
        }
        softmax.add(scores, 0, rows, 0, columns);
        tiles.product(
                tiles.isFinite(tile),
                scores,
                0,
                TILE,
                1,
                tiles.valueRows(tile),
                softmax.values,
                0,
                rows,
                depth);
        return (long) rows * ((long) columns * width + (long) depth * padded);
    }

    private void merge(SortedChunks chunks, int head, int r, Running running) {
        float sum = softmax.sum(r);
        if (sum == 0) {
            return;
        }
        int token = tiles.queries[r];
        long row = Float.BYTES * ((long) head * chunks.tokens() + token);
        long y = running.y.f32(head / chunks.heads(), head % chunks.heads(), token);
        float before = Native.getFloat(running.sums + row);
        float reference = softmax.reference(r);
        if (before == 0) {
            RowMath.writeScaled(softmax.values, r * tiles.padded, 1, y, width);
        } else {
            float last = Native.getFloat(running.references + row);
            float own = reference;
            reference = Math.max(own, last);
            float keep = power(last - reference);
            float share = power(own - reference);
            RowMath.mix(y, keep, softmax.values, r * tiles.padded, share, width);
            sum = before * keep + sum * share;
        }
        Native.setFloat(running.references + row, reference);
        Native.setFloat(running.sums + row, sum);
    }

    private static float power(float x) {
        return x == 0 ? 1 : (float) Math.exp(x * Lanes.LN_2);
    }
}
