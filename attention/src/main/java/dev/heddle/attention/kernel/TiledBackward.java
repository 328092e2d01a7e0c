package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.Stream;

/// The backward pass over tiles (FlashAttention-2, algorithm 2): scores are computed again, probabilities follow from the
/// saved log-sum-exp, and five products a tile give the gradients.
///
/// A task owns a chunk of the keys of one key/value head, so the gradients of keys and values have one owner. Gradients
/// of queries are summed per chunk and the chunks added in order at the end; how keys are cut depends on the sizes only.
/// Inside a chunk, [#BLOCK] key tiles and their gradients stay in the second-level cache while the queries pass by.
final class TiledBackward {
    private static final int TILE = PackedTiles.TILE;
    private static final int PANEL = TileProducts.PANEL;

    /// Queries in a tile.
    private static final int ROWS = 96;

    /// Queries in a tile where each sees few keys in several places, as in [TiledForward].
    private static final int FEW_ROWS = TILE;

    /// Key tiles kept in the cache together.
    private static final int BLOCK = 8;

    /// Rows of a key tile rounded up to whole panels; what the extra rows receive is never read.
    private static final int KEY_ROWS = (TILE + PANEL - 1) / PANEL * PANEL;

    /// Tokens in a task that passes over all heads of a token.
    private static final int GRAIN = 64;

    /// Enough tasks to keep the threads of a workstation evenly busy; more only cost memory.
    private static final int TASKS = 16;

    private final Pass pass;
    private final boolean addsQueries;
    private final boolean addsKeys;
    private final AttentionCall call;
    private final AttentionShape shape;
    private final TileScores scores;
    private final Heads q;
    private final Heads dy;
    private final Heads dq;
    private final Heads dk;
    private final Heads dv;
    private final long lse;
    private final PackedTiles keyColumns;
    private final PackedTiles keyRows;
    private final PackedTiles valueColumns;
    private final Tensor delta;
    private final Tensor queryGradients;
    private final BiasGradient biasGradient;
    private final int width;
    private final int valueWidth;
    private final int paddedWidth;
    private final int paddedValueWidth;
    private final int owners;
    private final int chunks;
    private final int chunkTiles;
    private final int chunkBlocks;
    private final int tileRows;

    /// The query tiles that meet a block of key tiles, at `head · blocks + block`, so that a block passes by the others.
    private final BitSet[] meeting;

    /// The query tiles that met a chunk so far and have a sum there, at `(chunk · batch + b) · heads + head`.
    private final BitSet[] summed;

    /// @param addsQueries whether `dq` holds what other passes found, to be added to
    /// @param addsKeys whether `dk` and `dv` do
    /// @param delta of [#deltas]
    TiledBackward(
            Pass pass,
            boolean addsQueries,
            boolean addsKeys,
            Heads q,
            Heads k,
            Heads v,
            long lse,
            Tensor delta,
            Heads dy,
            Heads dq,
            Heads dk,
            Heads dv,
            long dbias) {
        this.pass = pass;
        this.addsQueries = addsQueries;
        this.addsKeys = addsKeys;
        this.delta = delta;
        this.call = pass.call;
        this.shape = call.shape();
        this.scores = new TileScores(call);
        this.q = q;
        this.dy = dy;
        this.dq = dq;
        this.dk = dk;
        this.dv = dv;
        this.lse = lse;
        width = shape.width();
        valueWidth = shape.valueWidth();
        paddedWidth = Lanes.padded(width);
        paddedValueWidth = Lanes.padded(valueWidth);
        keyColumns = PackedTiles.transposed(k, pass, width);
        keyRows = PackedTiles.rows(k, pass, width);
        valueColumns = PackedTiles.transposed(v, pass, valueWidth);
        owners = shape.batch() * pass.kvHeads.length;
        int tiles = PackedTiles.count(pass.keys);
        int most = BiasGradient.oneChunk(call, dbias) ? 1 : Math.max(1, (tiles + BLOCK - 1) / BLOCK);
        int wanted = (TASKS + owners - 1) / owners;
        chunkTiles = (tiles + Math.min(most, wanted) - 1) / Math.min(most, wanted);
        chunks = (tiles + chunkTiles - 1) / chunkTiles;
        queryGradients =
                Tensor.uninitialised(DType.F32, chunks, shape.batch() * shape.heads(), pass.queries, paddedWidth);
        biasGradient = new BiasGradient(pass, dbias, chunks);
        chunkBlocks = (chunkTiles + BLOCK - 1) / BLOCK;
        tileRows = TiledForward.rows(pass) == FEW_ROWS ? FEW_ROWS : ROWS;
        meeting = bitSets(shape.heads() * chunks * chunkBlocks);
        summed = bitSets(chunks * shape.batch() * shape.heads());
    }

    private static BitSet[] bitSets(int count) {
        return Stream.generate(BitSet::new).limit(count).toArray(BitSet[]::new);
    }

    /// One thread's arrays, kept from call to call.
    private static final class Work {
        static final ThreadLocal<Work> OWN = ThreadLocal.withInitial(Work::new);

        final RowBits bits = new RowBits(ROWS);
        final float[] logSums = new float[ROWS];
        final float[] deltas = new float[ROWS];
        // Panels of keys read two columns beyond a row.
        final float[] p = new float[ROWS * TILE + PANEL];
        final float[] dt = new float[ROWS * TILE + PANEL];
        final float[] caps = new float[ROWS * TILE];
        float[] queries = new float[0];
        float[] outputs = new float[0];
        float[] dq = new float[0];
        float[] dk = new float[0];
        float[] dv = new float[0];
        // Not from the pool: a tensor would go back to it with the caller's scope.
        MemorySegment queryRows = MemorySegment.NULL;
        MemorySegment outputRows = MemorySegment.NULL;
        boolean finiteQueries;
        boolean finiteOutputs;

        Work prepare(int width, int valueWidth) {
            if (queries.length < ROWS * width) {
                queries = new float[ROWS * width];
                dq = new float[ROWS * Lanes.padded(width)];
                dk = new float[BLOCK * KEY_ROWS * Lanes.padded(width)];
                queryRows = scratch(width);
            }
            if (outputs.length < ROWS * valueWidth) {
                outputs = new float[ROWS * valueWidth];
                dv = new float[BLOCK * KEY_ROWS * Lanes.padded(valueWidth)];
                outputRows = scratch(valueWidth);
            }
            return this;
        }

        private static MemorySegment scratch(int width) {
            return Arena.ofAuto().allocate((long) Float.BYTES * ROWS * Lanes.padded(width), 64);
        }
    }

    /// δ = Σ_d dy·y − dlse, the part of the score gradient that a query's pairs share, `[B, H, N]`.
    static Tensor deltas(AttentionShape shape, Heads y, Heads dy, long dlse) {
        Tensor delta = Tensor.uninitialised(DType.F32, shape.batch(), shape.heads(), shape.queries());
        // All heads of a token together, as in sumQueries.
        Parallel.ranges(
                (long) shape.batch() * shape.queries(),
                GRAIN,
                (from, to) -> {
                    float[] lanes = new float[Lanes.COUNT];
                    for (long row = from; row < to; row++) {
                        int b = (int) (row / shape.queries());
                        int i = (int) (row % shape.queries());
                        for (int h = 0; h < shape.heads(); h++) {
                            long at = Float.BYTES * (((long) b * shape.heads() + h) * shape.queries() + i);
                            float dot = RowMath.dot(dy.f32(b, h, i), y.f32(b, h, i), shape.valueWidth(), lanes);
                            Native.setFloat(delta.address() + at, dlse == 0 ? dot : dot - Native.getFloat(dlse + at));
                        }
                    }
                });
        return delta;
    }

    void run() {
        PackedTiles.fill(keyColumns, keyRows, valueColumns);
        Parallel.run(pass.heads.length, head -> findMeetings(pass.heads[head]));
        if (biasGradient.shared()) {
            Parallel.run(
                    chunks,
                    chunk -> {
                        for (int owner = 0; owner < owners; owner++) {
                            chunk(owner, chunk);
                        }
                    });
        } else {
            // Early keys first: under a causal mask they have the most queries.
            Parallel.run(owners * chunks, task -> chunk(task % owners, task / owners));
        }
        Parallel.ranges((long) shape.batch() * pass.queries, GRAIN, this::sumQueries);
        biasGradient.sum();
    }

    private void findMeetings(int h) {
        for (int i0 = 0; i0 < pass.queries; i0 += tileRows) {
            KeyRanges ranges = keys(h, i0, 0, pass.keys);
            for (int r = 0; r < ranges.count(); r++) {
                int last = block(h, (ranges.stop(r) - 1) / TILE);
                for (int block = block(h, ranges.start(r) / TILE); block <= last; block++) {
                    meeting[block].set(i0 / tileRows);
                }
            }
        }
    }

    private int block(int h, int tile) {
        return (h * chunks + tile / chunkTiles) * chunkBlocks + tile % chunkTiles / BLOCK;
    }

    /// The keys from `start` to before `stop` that a tile of queries may see.
    private KeyRanges keys(int h, int i0, int start, int stop) {
        int query = i0 + pass.offset;
        int end = Math.min(i0 + tileRows, pass.queries) + pass.offset;
        return pass.pattern.keys(h, query, end).intersect(KeyRanges.of(start, stop));
    }

    private void chunk(int owner, int chunk) {
        chunk(owner / pass.kvHeads.length, pass.kvHeads[owner % pass.kvHeads.length], chunk);
    }

    /// The index of a token's entry in `lse` and `delta`.
    private long row(int b, int h, int i) {
        return ((long) b * shape.heads() + h) * shape.queries() + i;
    }

    /// The address of a place's sum of query gradients.
    private long sums(int chunk, int b, int h, int place) {
        long head = (long) (chunk * shape.batch() + b) * shape.heads() + h;
        return queryGradients.address() + (long) Float.BYTES * paddedWidth * (head * pass.queries + place);
    }

    private void chunk(int b, int g, int chunk) {
        Work w = Work.OWN.get().prepare(width, valueWidth);
        int last = Math.min((chunk + 1) * chunkTiles, PackedTiles.count(pass.keys));
        for (int t0 = chunk * chunkTiles; t0 < last; t0 += BLOCK) {
            int t1 = Math.min(t0 + BLOCK, last);
            Arrays.fill(w.dk, 0, (t1 - t0) * KEY_ROWS * paddedWidth, 0);
            Arrays.fill(w.dv, 0, (t1 - t0) * KEY_ROWS * paddedValueWidth, 0);
            for (int h : pass.heads) {
                if (h / shape.group() == g) {
                    BitSet tiles = meeting[block(h, t0)];
                    for (int tile = tiles.nextSetBit(0); tile >= 0; tile = tiles.nextSetBit(tile + 1)) {
                        queries(w, b, h, tile, chunk, t0, t1);
                    }
                }
            }
            writeKeys(w, b, g, t0, t1);
        }
    }

    private BitSet summed(int chunk, int b, int h) {
        return summed[(chunk * shape.batch() + b) * shape.heads() + h];
    }

    /// One tile of queries against a block of key tiles.
    private void queries(Work w, int b, int h, int queryTile, int chunk, int t0, int t1) {
        int i0 = queryTile * tileRows;
        int count = Math.min(tileRows, pass.queries - i0);
        KeyRanges ranges = keys(h, i0, t0 * TILE, Math.min(t1 * TILE, pass.keys));
        long sums = sums(chunk, b, h, i0);
        int rows = (count + PANEL - 1) / PANEL * PANEL;
        load(w, b, h, i0, count, rows);
        BitSet known = summed(chunk, b, h);
        if (known.get(queryTile)) {
            RowMath.read(sums, w.dq, count * paddedWidth);
        } else {
            known.set(queryTile);
            Arrays.fill(w.dq, 0, rows * paddedWidth, 0);
        }
        long done = 0;
        int next = t0;
        for (int r = 0; r < ranges.count(); r++) {
            int end = PackedTiles.count(ranges.stop(r));
            for (next = Math.max(next, ranges.start(r) / TILE); next < end; next++) {
                done += visit(w, b, h, i0, count, rows, chunk, next, next - t0);
            }
        }
        WorkMeter.add(done);
        RowMath.write(w.dq, sums, count * paddedWidth);
    }

    private void load(Work w, int b, int h, int i0, int count, int rows) {
        w.finiteQueries = true;
        w.finiteOutputs = true;
        for (int r = 0; r < count; r++) {
            int i = pass.query(i0 + r);
            long query = q.f32(b, h, i);
            long output = dy.f32(b, h, i);
            RowMath.readScaled(query, scores.queryFactor, w.queries, r * width, width);
            RowMath.readScaled(output, 1, w.outputs, r * valueWidth, valueWidth);
            long queryRow = w.queryRows.address() + (long) Float.BYTES * r * paddedWidth;
            long outputRow = w.outputRows.address() + (long) Float.BYTES * r * paddedValueWidth;
            w.finiteQueries &= PackedTiles.copyRow(query, queryRow, width);
            w.finiteOutputs &= PackedTiles.copyRow(output, outputRow, valueWidth);
            float logSum = Native.getFloat(lse + Float.BYTES * row(b, h, i));
            // A dead query's powers become 2^(t − ∞) = 0.
            w.logSums[r] = logSum == Float.NEGATIVE_INFINITY ? Float.POSITIVE_INFINITY : logSum * Lanes.LOG2_E;
            w.deltas[r] = Native.getFloat(delta.address() + Float.BYTES * row(b, h, i));
        }
        int spare = rows - count;
        Arrays.fill(w.queries, count * width, rows * width, 0);
        Arrays.fill(w.outputs, count * valueWidth, rows * valueWidth, 0);
        Arrays.fill(w.logSums, count, rows, Float.POSITIVE_INFINITY);
        Arrays.fill(w.deltas, count, rows, 0);
        Native.zero(
                w.queryRows.address() + (long) Float.BYTES * count * paddedWidth,
                (long) Float.BYTES * spare * paddedWidth);
        Native.zero(
                w.outputRows.address() + (long) Float.BYTES * count * paddedValueWidth,
                (long) Float.BYTES * spare * paddedValueWidth);
    }

    private long visit(Work w, int b, int h, int i0, int count, int rows, int chunk, int tile, int slot) {
        int query = i0 + pass.offset;
        int k0 = tile * TILE;
        int k1 = Math.min(k0 + TILE, pass.keys);
        Tile kind = pass.pattern.tile(h, query, query + count, k0, k1);
        if (kind == Tile.EMPTY) {
            return 0;
        }
        boolean masked = kind == Tile.PARTIAL || call.mask() != null || k1 - k0 < TILE;
        if (masked && !w.bits.fill(pass, kind, b, h, i0, count, k0)) {
            return 0;
        }
        int g = h / shape.group();
        Arrays.fill(w.p, 0, rows * TILE, 0);
        Arrays.fill(w.dt, 0, rows * TILE, 0);
        if (masked) {
            long done = pairsMasked(w, b, h, i0, count, rows, chunk, tile);
            return done + gradientsMasked(w, b, g, rows, tile, slot);
        }
        long done = products(w, b, g, 0, rows, tile, 0, TILE);
        for (int r = 0; r < count; r++) {
            pairs(w, b, h, i0, r, chunk, k0, -1L, 0, TILE);
        }
        return done + gradients(w, b, g, rows, tile, slot);
    }

    /// Scores and the gradients of the probabilities of some rows and columns.
    private long products(Work w, int b, int g, int row, int rows, int tile, int from, int columns) {
        int at = row * TILE + from;
        long keys = keyColumns.tile(b, g, tile) + 4L * from;
        long values = valueColumns.tile(b, g, tile) + 4L * from;
        TileProducts.multiply(w.queries, row * width, width, keys, TILE * 4L, w.p, at, TILE, rows, columns, width);
        TileProducts.multiply(
                w.outputs, row * valueWidth, valueWidth, values, TILE * 4L, w.dt, at, TILE, rows, columns, valueWidth);
        return (long) rows * columns * (width + valueWidth);
    }

    /// Products and pairs a panel of queries at a time, leaving out the keys on either side that none of them may see.
    private long pairsMasked(Work w, int b, int h, int i0, int count, int rows, int chunk, int tile) {
        int g = h / shape.group();
        long done = 0;
        for (int r = 0; r < rows; r += PANEL) {
            long seen = w.bits.panel(r);
            if (seen != 0) {
                int from = Long.numberOfTrailingZeros(seen) & -OnlineSoftmax.STEP;
                int stop = (TILE - Long.numberOfLeadingZeros(seen) + OnlineSoftmax.STEP - 1) & -OnlineSoftmax.STEP;
                done += products(w, b, g, r, PANEL, tile, from, stop - from);
                for (int row = r; row < Math.min(r + PANEL, count); row++) {
                    pairs(w, b, h, i0, row, chunk, tile * TILE, w.bits.rows[row], from, stop);
                }
            }
        }
        return done;
    }

    /// From scores and probability gradients to probabilities and score gradients, for one query and the keys from place
    /// `from` to before `stop` of a tile; both stay 0 for the others.
    private void pairs(Work w, int b, int h, int i0, int r, int chunk, int k0, long bits, int from, int stop) {
        int at = r * TILE;
        int first = from;
        int last = stop;
        if (!scores.plain()) {
            scores.finish(w.p, at, w.caps, pass, b, h, i0 + r, k0);
            first = 0;
            last = TILE;
        }
        RowMath.gradients(w.p, w.dt, at + first, at + last, w.logSums[r], w.deltas[r]);
        if (bits != -1L) {
            TileScores.mask(w.p, at, first, last, bits, 0);
            TileScores.mask(w.dt, at, first, last, bits, 0);
        }
        biasGradient.add(w.dt, at, b, h, i0 + r, k0, chunk);
        if (call.softcap() > 0) {
            RowMath.uncap(w.dt, w.caps, at);
        }
    }

    private long gradients(Work w, int b, int g, int rows, int tile, int slot) {
        int dv0 = slot * KEY_ROWS * paddedValueWidth;
        int dk0 = slot * KEY_ROWS * paddedWidth;
        TransposedTileProducts.multiply(
                w.p,
                0,
                w.outputRows.address(),
                paddedValueWidth * 4L,
                w.dv,
                dv0,
                paddedValueWidth,
                KEY_ROWS,
                paddedValueWidth,
                rows);
        TransposedTileProducts.multiply(
                w.dt, 0, w.queryRows.address(), paddedWidth * 4L, w.dk, dk0, paddedWidth, KEY_ROWS, paddedWidth, rows);
        TileProducts.multiply(
                w.dt,
                0,
                TILE,
                keyRows.tile(b, g, tile),
                paddedWidth * 4L,
                w.dq,
                0,
                paddedWidth,
                rows,
                paddedWidth,
                TILE);
        return (long) rows * KEY_ROWS * (paddedWidth + paddedValueWidth) + (long) rows * TILE * paddedWidth;
    }

    private long gradientsMasked(Work w, int b, int g, int rows, int tile, int slot) {
        long done = 0;
        for (int r = 0; r < rows; r += PANEL) {
            long seen = w.bits.panel(r);
            if (seen != 0) {
                int from = Long.numberOfTrailingZeros(seen);
                int depth = TILE - Long.numberOfLeadingZeros(seen) - from;
                TileProducts.multiplyRows(
                        keyRows.finite(b, g, tile),
                        w.dt,
                        r * TILE + from,
                        false,
                        keyRows.tile(b, g, tile) + 4L * paddedWidth * from,
                        paddedWidth,
                        w.dq,
                        r * paddedWidth,
                        PANEL,
                        depth);
                done += (long) PANEL * depth * paddedWidth;
            }
        }
        for (int j = 0; j < TILE; j += PANEL) {
            int from = w.bits.firstQuery(j, rows);
            if (from < rows) {
                int depth = w.bits.lastQuery(j, rows) + 1 - from;
                TileProducts.multiplyRows(
                        w.finiteOutputs,
                        w.p,
                        from * TILE + j,
                        true,
                        w.outputRows.address() + 4L * paddedValueWidth * from,
                        paddedValueWidth,
                        w.dv,
                        (slot * KEY_ROWS + j) * paddedValueWidth,
                        PANEL,
                        depth);
                TileProducts.multiplyRows(
                        w.finiteQueries,
                        w.dt,
                        from * TILE + j,
                        true,
                        w.queryRows.address() + 4L * paddedWidth * from,
                        paddedWidth,
                        w.dk,
                        (slot * KEY_ROWS + j) * paddedWidth,
                        PANEL,
                        depth);
                done += (long) PANEL * depth * (paddedWidth + paddedValueWidth);
            }
        }
        return done;
    }

    private void writeKeys(Work w, int b, int g, int t0, int t1) {
        for (int place = t0 * TILE; place < Math.min(t1 * TILE, pass.keys); place++) {
            int row = (place / TILE - t0) * KEY_ROWS + place % TILE;
            int j = pass.key(place);
            write(addsKeys, w.dk, row * paddedWidth, (float) call.scale(), dk.f32(b, g, j), width);
            write(addsKeys, w.dv, row * paddedValueWidth, 1, dv.f32(b, g, j), valueWidth);
        }
    }

    private static void write(boolean adds, float[] from, int at, float factor, long to, int count) {
        if (adds) {
            RowMath.mix(to, 1, from, at, factor, count);
        } else {
            RowMath.writeScaled(from, at, factor, to, count);
        }
    }

    // All heads of a token together: their rows lie side by side in a token-major tensor.
    private void sumQueries(long from, long to) {
        float[] sum = new float[paddedWidth];
        for (long row = from; row < to; row++) {
            int b = (int) (row / pass.queries);
            int place = (int) (row % pass.queries);
            for (int h : pass.heads) {
                Arrays.fill(sum, 0);
                for (int chunk = 0; chunk < chunks; chunk++) {
                    if (summed(chunk, b, h).get(place / tileRows)) {
                        RowMath.addTo(sum, sums(chunk, b, h, place));
                    }
                }
                write(addsQueries, sum, 0, (float) call.scale(), dq.f32(b, h, pass.query(place)), width);
            }
        }
    }
}
