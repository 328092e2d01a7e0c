package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;

import java.util.Arrays;

/// The forward pass over tiles of queries and keys (FlashAttention-2, algorithm 1). A task owns a tile of queries of one
/// head, visits the key tiles that the pattern leaves, and never holds more than one tile of scores.
///
/// Each step is a short loop of its own over the tile: product, cap and bias, mask, softmax, product.
final class TiledForward {
    private static final int TILE = PackedTiles.TILE;
    private static final int PANEL = TileProducts.PANEL;

    /// Queries in a tile: a multiple of [TileProducts#PANEL] that keeps scores, queries and values in the second-level
    /// cache together with a tile of keys and values.
    private static final int ROWS = 192;

    /// Queries in a tile where each sees few keys in several places: as many as keys in a tile, so that more tiles of block
    /// layouts are wholly seen or not at all, and fewer need a look at every pair.
    private static final int FEW_ROWS = TILE;

    private final Pass pass;
    private final boolean joins;
    private final AttentionCall call;
    private final AttentionShape shape;
    private final Heads q;
    private final Heads y;
    private final long lse;
    private final PackedTiles keys;
    private final PackedTiles values;
    private final TileScores scores;
    private final int tileRows;

    /// @param joins whether `y` and `lse` hold what other passes found, to be joined with
    TiledForward(Pass pass, boolean joins, Heads q, Heads k, Heads v, Heads y, long lse) {
        this.pass = pass;
        this.joins = joins;
        this.call = pass.call;
        this.shape = call.shape();
        this.q = q;
        this.y = y;
        this.lse = lse;
        keys = PackedTiles.transposed(k, pass, shape.width());
        values = PackedTiles.rows(v, pass, shape.valueWidth());
        scores = new TileScores(call);
        tileRows = rows(pass);
    }

    /// Queries in a tile of a pass.
    static int rows(Pass pass) {
        KeyRanges seen = seenInTheMiddle(pass);
        return isFew(seen, pass) && seen.count() > 1 ? FEW_ROWS : ROWS;
    }

    private static boolean isFew(KeyRanges seen, Pass pass) {
        return seen.size() < pass.keys / 4;
    }

    // The keys that a tile in the middle of the queries sees.
    private static KeyRanges seenInTheMiddle(Pass pass) {
        int middle = pass.queries / ROWS / 2 * ROWS;
        int query = middle + pass.offset;
        int stop = Math.min(middle + ROWS, pass.queries) + pass.offset;
        return pass.pattern.keys(pass.heads[0], query, stop).intersect(KeyRanges.of(0, pass.keys));
    }

    /// One thread's arrays, kept from call to call.
    private static final class Work {
        static final ThreadLocal<Work> OWN = ThreadLocal.withInitial(Work::new);

        final float[] scores = new float[ROWS * TILE];
        final RowBits bits = new RowBits(ROWS);
        final OnlineSoftmax softmax = new OnlineSoftmax(ROWS);
        float[] queries = new float[0];

        Work prepare(int rows, AttentionShape shape) {
            if (queries.length < ROWS * shape.width()) {
                queries = new float[ROWS * shape.width()];
            }
            softmax.clear(rows, shape.valueWidth());
            return this;
        }
    }

    void run() {
        int heads = shape.batch() * pass.heads.length;
        int tiles = (pass.queries + tileRows - 1) / tileRows;
        boolean few = isFew(seenInTheMiddle(pass), pass);
        // A head's tiles follow each other, so that its keys and values stay in the cache; late queries first: under a
        // causal mask they have the most keys, and long tasks should not start last. Where queries see few keys, all
        // heads of the same tokens follow each other instead: their rows lie side by side in a token-major tensor.
        Parallel.run(
                heads * tiles,
                task -> {
                    int head = few ? task % heads : task / tiles;
                    int tile = tiles - 1 - (few ? task / heads : task % tiles);
                    tile(head / pass.heads.length, pass.heads[head % pass.heads.length], tile * tileRows);
                });
    }

    private void tile(int b, int h, int i0) {
        int count = Math.min(tileRows, pass.queries - i0);
        int rows = (count + PANEL - 1) / PANEL * PANEL;
        Work w = Work.OWN.get().prepare(rows, shape);
        loadQueries(w, b, h, i0, count, rows);
        int query = i0 + pass.offset;
        KeyRanges ranges = pass.pattern.keys(h, query, query + count).intersect(KeyRanges.of(0, pass.keys));
        int next = 0;
        long done = 0;
        for (int r = 0; r < ranges.count(); r++) {
            int stop = PackedTiles.count(ranges.stop(r));
            for (next = Math.max(next, ranges.start(r) / TILE); next < stop; next++) {
                done += visit(w, b, h, i0, count, rows, next);
            }
        }
        WorkMeter.add(done);
        for (int r = 0; r < count; r++) {
            writeRow(w, b, h, pass.query(i0 + r), r);
        }
    }

    private void loadQueries(Work w, int b, int h, int i0, int count, int rows) {
        int width = shape.width();
        for (int r = 0; r < count; r++) {
            RowMath.readScaled(q.f32(b, h, pass.query(i0 + r)), scores.queryFactor, w.queries, r * width, width);
        }
        Arrays.fill(w.queries, count * width, rows * width, 0);
    }

    private long visit(Work w, int b, int h, int i0, int count, int rows, int tile) {
        Tile allowed = w.bits.look(pass, b, h, i0, count, tile);
        if (allowed == Tile.EMPTY) {
            return 0;
        }
        int group = h / shape.group();
        keys.require(b, group, tile);
        values.require(b, group, tile);
        if (allowed == Tile.PARTIAL) {
            return visitMasked(w, b, h, i0, rows, tile);
        }
        return allowed(w, b, h, i0, 0, rows, tile);
    }

    /// A whole tile of keys against `rows` queries from row `r` that may see all of it.
    private long allowed(Work w, int b, int h, int i0, int r, int rows, int tile) {
        int group = h / shape.group();
        int width = shape.width();
        int padded = Lanes.padded(shape.valueWidth());
        Arrays.fill(w.scores, r * TILE, (r + rows) * TILE, 0);
        TileProducts.multiply(
                w.queries,
                r * width,
                width,
                keys.tile(b, group, tile),
                TILE * 4L,
                w.scores,
                r * TILE,
                TILE,
                rows,
                TILE,
                width);
        if (!scores.plain()) {
            for (int row = r; row < Math.min(r + rows, pass.queries - i0); row++) {
                scores.finish(w.scores, row * TILE, null, pass, b, h, i0 + row, tile * TILE);
            }
        }
        w.softmax.add(w.scores, r, r + rows, 0, TILE);
        TileProducts.multiply(
                w.scores,
                r * TILE,
                TILE,
                values.tile(b, group, tile),
                padded * 4L,
                w.softmax.values,
                r * padded,
                padded,
                rows,
                padded,
                TILE);
        return (long) rows * TILE * (width + padded);
    }

    /// As [#visit], a panel at a time, leaving out the keys on either side that no query of the panel may see. Panels
    /// that may see every key go together.
    private long visitMasked(Work w, int b, int h, int i0, int rows, int tile) {
        long done = 0;
        for (int r = 0; r < rows; ) {
            int stop = w.bits.allowedUntil(r, rows);
            if (stop > r) {
                done += allowed(w, b, h, i0, r, stop - r, tile);
                r = stop;
            } else {
                long seen = w.bits.panel(r);
                if (seen != 0) {
                    int first = Long.numberOfTrailingZeros(seen);
                    done += panel(w, b, h, i0, r, tile, first, TILE - Long.numberOfLeadingZeros(seen));
                }
                r += PANEL;
            }
        }
        return done;
    }

    private long panel(Work w, int b, int h, int i0, int r, int tile, int first, int stop) {
        int group = h / shape.group();
        int width = shape.width();
        int padded = Lanes.padded(shape.valueWidth());
        int from = first & -OnlineSoftmax.STEP;
        int to = OnlineSoftmax.columns(stop);
        Arrays.fill(w.scores, r * TILE + from, (r + PANEL - 1) * TILE + to, 0);
        TileProducts.multiply(
                w.queries,
                r * width,
                width,
                keys.tile(b, group, tile) + 4L * from,
                TILE * 4L,
                w.scores,
                r * TILE + from,
                TILE,
                PANEL,
                to - from,
                width);
        for (int row = r; row < r + PANEL; row++) {
            long bits = w.bits.rows[row];
            if (bits != 0 && !scores.plain()) {
                scores.finish(w.scores, row * TILE, null, pass, b, h, i0 + row, tile * TILE);
            }
            if (bits != -1L) {
                TileScores.mask(w.scores, row * TILE, from, to, bits, Float.NEGATIVE_INFINITY);
            }
        }
        w.softmax.add(w.scores, r, r + PANEL, from, to);
        int a0 = r * TILE + first;
        long v0 = values.tile(b, group, tile) + 4L * padded * first;
        if (values.finite(b, group, tile)) {
            TileProducts.multiply(
                    w.scores,
                    a0,
                    TILE,
                    v0,
                    padded * 4L,
                    w.softmax.values,
                    r * padded,
                    padded,
                    PANEL,
                    padded,
                    stop - first);
        } else {
            TileProducts.multiplySkippingZeros(
                    w.scores,
                    a0,
                    TILE,
                    1,
                    v0,
                    padded * 4L,
                    w.softmax.values,
                    r * padded,
                    padded,
                    PANEL,
                    padded,
                    stop - first);
        }
        return (long) PANEL * ((long) (to - from) * width + (long) (stop - first) * padded);
    }

    private void writeRow(Work w, int b, int h, int i, int row) {
        float sum = w.softmax.sum(row);
        float logSum = w.softmax.logSumExp(row, sum);
        int at = row * Lanes.padded(shape.valueWidth());
        long to = y.f32(b, h, i);
        long sumTo = lse + Float.BYTES * shape.row(b, h, i);
        float factor = sum == 0 ? 0 : 1 / sum;
        if (joins) {
            JoinedRow.join(w.softmax.values, at, factor, logSum, to, sumTo, shape.valueWidth());
        } else {
            RowMath.writeScaled(w.softmax.values, at, factor, to, shape.valueWidth());
            Native.setFloat(sumTo, logSum);
        }
    }
}
