package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.kernel.Native;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// One tile of queries in the backward pass, against one tile of keys after the other. An instance belongs to one task.
final class BackwardTile {
    /// The most queries in a tile.
    static final int ROWS = 96;

    private static final int TILE = PackedTiles.TILE;
    private static final int PANEL = TileProducts.PANEL;

    /// Rows of a key tile rounded up to whole panels; what the extra rows receive is never read.
    static final int KEY_ROWS = (TILE + PANEL - 1) / PANEL * PANEL;

    /// This thread's arrays, kept from call to call.
    final Buffers w;

    private final BackwardOperands in;
    private final Pass pass;
    private final AttentionShape shape;
    private final TileScores scores;
    private final BiasGradient biasGradient;
    private final int width;
    private final int valueWidth;
    private final int paddedWidth;
    private final int paddedValueWidth;
    private int b;
    private int h;
    private int g;
    private int i0;
    private int count;
    private int rows;
    private int chunk;
    private boolean finiteQueries;
    private boolean finiteOutputs;

    BackwardTile(BackwardOperands in, BiasGradient biasGradient) {
        this.in = in;
        this.biasGradient = biasGradient;
        pass = in.pass;
        shape = in.shape;
        scores = in.scores;
        width = shape.width();
        valueWidth = shape.valueWidth();
        paddedWidth = Lanes.padded(width);
        paddedValueWidth = Lanes.padded(valueWidth);
        w = Buffers.OWN.get().prepare(width, valueWidth);
    }

    /// The arrays of a thread.
    static final class Buffers {
        private static final ThreadLocal<Buffers> OWN = ThreadLocal.withInitial(Buffers::new);

        /// The gradients of a tile of queries, `[rows][padded width]`.
        float[] dq = new float[0];

        /// The gradients of a block of keys, `[tiles][KEY_ROWS][padded width]`.
        float[] dk = new float[0];

        /// The gradients of a block of values.
        float[] dv = new float[0];

        private final RowBits bits = new RowBits(ROWS);
        private final float[] logSums = new float[ROWS];
        private final float[] deltas = new float[ROWS];
        // Panels of keys read two columns beyond a row.
        private final float[] p = new float[ROWS * TILE + PANEL];
        private final float[] dt = new float[ROWS * TILE + PANEL];
        private final float[] caps = new float[ROWS * TILE];
        private float[] queries = new float[0];
        private float[] outputs = new float[0];
        // Not from the pool: a tensor would go back to it with the caller's scope.
        private MemorySegment queryRows = MemorySegment.NULL;
        private MemorySegment outputRows = MemorySegment.NULL;

        private Buffers prepare(int width, int valueWidth) {
            if (queries.length < ROWS * width) {
                queries = new float[ROWS * width];
                dq = new float[ROWS * Lanes.padded(width)];
                dk = new float[KeyChunks.BLOCK * KEY_ROWS * Lanes.padded(width)];
                queryRows = scratch(width);
            }
            if (outputs.length < ROWS * valueWidth) {
                outputs = new float[ROWS * valueWidth];
                dv = new float[KeyChunks.BLOCK * KEY_ROWS * Lanes.padded(valueWidth)];
                outputRows = scratch(valueWidth);
            }
            return this;
        }

        private static MemorySegment scratch(int width) {
            return Arena.ofAuto().allocate((long) Float.BYTES * ROWS * Lanes.padded(width), 64);
        }
    }

    /// Takes in a tile of queries.
    ///
    /// @param chunk the chunk of keys that they meet
    void load(int ofSequence, int ofHead, int first, int size, int ofKeys) {
        b = ofSequence;
        h = ofHead;
        g = h / shape.group();
        i0 = first;
        count = size;
        rows = (count + PANEL - 1) / PANEL * PANEL;
        chunk = ofKeys;
        finiteQueries = true;
        finiteOutputs = true;
        for (int r = 0; r < count; r++) {
            int i = pass.query(i0 + r);
            long query = in.q.f32(b, h, i);
            long output = in.dy.f32(b, h, i);
            RowMath.readScaled(query, scores.queryFactor, w.queries, r * width, width);
            RowMath.readScaled(output, 1, w.outputs, r * valueWidth, valueWidth);
            long queryRow = w.queryRows.address() + (long) Float.BYTES * r * paddedWidth;
            long outputRow = w.outputRows.address() + (long) Float.BYTES * r * paddedValueWidth;
            finiteQueries &= PackedTiles.copyRow(query, queryRow, width);
            finiteOutputs &= PackedTiles.copyRow(output, outputRow, valueWidth);
            float logSum = Native.getFloat(in.lse + Float.BYTES * shape.row(b, h, i));
            // A dead query's powers become 2^(t − ∞) = 0.
            w.logSums[r] = logSum == Float.NEGATIVE_INFINITY ? Float.POSITIVE_INFINITY : logSum * Lanes.LOG2_E;
            w.deltas[r] = Native.getFloat(in.delta.address() + Float.BYTES * shape.row(b, h, i));
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

    /// The tile of queries against a tile of keys.
    ///
    /// @param slot the place of the keys' gradients
    /// @return the multiply-adds done
    long visit(int tile, int slot) {
        Tile allowed = w.bits.look(pass, b, h, i0, count, tile);
        if (allowed == Tile.EMPTY) {
            return 0;
        }
        Arrays.fill(w.p, 0, rows * TILE, 0);
        Arrays.fill(w.dt, 0, rows * TILE, 0);
        if (allowed == Tile.PARTIAL) {
            return pairsMasked(tile) + gradientsMasked(tile, slot);
        }
        long done = products(0, rows, tile, 0, TILE);
        for (int r = 0; r < count; r++) {
            pairs(r, tile * TILE, -1L, 0, TILE);
        }
        return done + gradients(tile, slot);
    }

    /// Scores and the gradients of the probabilities of `size` rows and some columns.
    private long products(int row, int size, int tile, int from, int columns) {
        int at = row * TILE + from;
        long keys = in.keyColumns.tile(b, g, tile) + 4L * from;
        long values = in.valueColumns.tile(b, g, tile) + 4L * from;
        TileProducts.multiply(w.queries, row * width, width, keys, TILE * 4L, w.p, at, TILE, size, columns, width);
        TileProducts.multiply(
                w.outputs, row * valueWidth, valueWidth, values, TILE * 4L, w.dt, at, TILE, size, columns, valueWidth);
        return (long) size * columns * (width + valueWidth);
    }

    /// Products and pairs a panel of queries at a time, leaving out the keys on either side that none of them may see.
    private long pairsMasked(int tile) {
        long done = 0;
        for (int r = 0; r < rows; r += PANEL) {
            long seen = w.bits.panel(r);
            if (seen != 0) {
                int from = Long.numberOfTrailingZeros(seen) & -OnlineSoftmax.STEP;
                int stop = OnlineSoftmax.columns(TILE - Long.numberOfLeadingZeros(seen));
                done += products(r, PANEL, tile, from, stop - from);
                for (int row = r; row < Math.min(r + PANEL, count); row++) {
                    pairs(row, tile * TILE, w.bits.rows[row], from, stop);
                }
            }
        }
        return done;
    }

    /// From scores and probability gradients to probabilities and score gradients, for one query and the keys from place
    /// `from` to before `stop` of a tile; both stay 0 for the others.
    private void pairs(int r, int k0, long bits, int from, int stop) {
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
        if (pass.call.softcap() > 0) {
            RowMath.uncap(w.dt, w.caps, at);
        }
    }

    private long gradients(int tile, int slot) {
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
                in.keyRows.tile(b, g, tile),
                paddedWidth * 4L,
                w.dq,
                0,
                paddedWidth,
                rows,
                paddedWidth,
                TILE);
        return (long) rows * KEY_ROWS * (paddedWidth + paddedValueWidth) + (long) rows * TILE * paddedWidth;
    }

    private long gradientsMasked(int tile, int slot) {
        long done = 0;
        for (int r = 0; r < rows; r += PANEL) {
            long seen = w.bits.panel(r);
            if (seen != 0) {
                int from = Long.numberOfTrailingZeros(seen);
                int depth = TILE - Long.numberOfLeadingZeros(seen) - from;
                TileProducts.multiplyRows(
                        in.keyRows.finite(b, g, tile),
                        w.dt,
                        r * TILE + from,
                        false,
                        in.keyRows.tile(b, g, tile) + 4L * paddedWidth * from,
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
                        finiteOutputs,
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
                        finiteQueries,
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
}
