package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The backward pass of [TiledChunks] over the chunks of one task, with one thread's arrays: scores are computed again,
/// probabilities follow from the log-sum-exp over all rounds.
///
/// The keys before a task's first chunk belong to another task. Their gradients are set aside and added when all tasks of
/// the round are done.
final class ChunkBackward {
    private static final int TILE = PackedTiles.TILE;
    private static final int PANEL = TileProducts.PANEL;
    private static final ThreadLocal<ChunkBackward> OWN = new ThreadLocal<>();

    private final ChunkTiles tiles;
    private final int width;
    private final int padded;
    private final float[] queries;
    private final float[] outputs;
    private final float[] logSums;
    private final float[] deltas;
    private final float[] p;
    private final float[] dt;
    private final float[] dq;
    private final float[] dk;
    private final float[] dv;
    private final MemorySegment queryRows;
    private final MemorySegment outputRows;
    private boolean finiteQueries;
    private boolean finiteOutputs;

    /// What is read and written. The gradients of queries and keys lack the scale `1/√D`.
    ///
    /// @param keys address of the keys, dense `[B, H, N, D]`
    /// @param lse address of the log-sum-exps, dense `[B, H, N]`
    /// @param deltas address of `Σ_d dy·y`, dense `[B, H, N]`
    /// @param dq added to, as are `dk` (dense `[B, H, N, D]`) and `dv`
    /// @param borders room for `[B·H, tasks of a round, 2·m, D]`: key and value gradients that were set aside
    record Operands(
            Heads qk, long keys, Heads v, long lse, Heads dy, long deltas, Heads dq, long dk, Heads dv, long borders) {}

    private ChunkBackward(SortedChunks chunks, int width) {
        this.width = width;
        tiles = new ChunkTiles(chunks, width);
        padded = tiles.padded;
        int rows = tiles.rows;
        queries = new float[rows * width];
        outputs = new float[rows * width];
        logSums = new float[rows];
        deltas = new float[rows];
        // Panels of keys read two columns beyond a row.
        p = new float[rows * TILE + PANEL];
        dt = new float[rows * TILE + PANEL];
        dq = new float[rows * padded];
        dk = new float[2 * tiles.tiles * ChunkTiles.KEY_ROWS * padded];
        dv = new float[dk.length];
        queryRows = Arena.ofAuto().allocate((long) Float.BYTES * rows * padded, 64);
        outputRows = Arena.ofAuto().allocate((long) Float.BYTES * rows * padded, 64);
    }

    /// This thread's, kept from call to call while the sizes stay.
    static ChunkBackward own(SortedChunks chunks, int width) {
        ChunkBackward own = OWN.get();
        if (own == null || !own.tiles.fits(chunks, width)) {
            own = new ChunkBackward(chunks, width);
            OWN.set(own);
        }
        return own;
    }

    void run(SortedChunks chunks, Operands o, int head, int from, int stop) {
        int last = 1 - (from & 1);
        tiles.gather(chunks, head, chunks.before(from), last, o.keys, o.v, true);
        clear(last);
        for (int chunk = from; chunk < stop; chunk++) {
            int place = chunk & 1;
            tiles.gather(chunks, head, chunk, place, o.keys, o.v, true);
            clear(place);
            load(chunks, o, head, chunk);
            Arrays.fill(dq, 0);
            for (int tile = 0; tile < 2 * tiles.tiles; tile++) {
                if (tiles.allow(chunks, head, chunk, tile)) {
                    visit(chunks, head, tile);
                }
            }
            for (int r = 0; r < tiles.size; r++) {
                RowMath.mix(row(chunks, o.dq, head, tiles.queries[r]), 1, dq, r * padded, 1, width);
            }
            if (chunk == from) {
                setAside(chunks, o, head, chunk, 1 - place);
            } else {
                addKeys(chunks, o, head, chunk - 1, 1 - place);
            }
        }
        addKeys(chunks, o, head, stop - 1, (stop - 1) & 1);
    }

    private static long row(SortedChunks chunks, Heads heads, int head, int token) {
        return heads.f32(head / chunks.heads(), head % chunks.heads(), token);
    }

    private void clear(int place) {
        int size = tiles.tiles * ChunkTiles.KEY_ROWS * padded;
        Arrays.fill(dk, place * size, (place + 1) * size, 0);
        Arrays.fill(dv, place * size, (place + 1) * size, 0);
    }

    private void load(SortedChunks chunks, Operands o, int head, int chunk) {
        tiles.queries(chunks, head, chunk, o.qk, queries);
        finiteQueries = true;
        finiteOutputs = true;
        for (int r = 0; r < tiles.size; r++) {
            int token = tiles.queries[r];
            long query = row(chunks, o.qk, head, token);
            long output = row(chunks, o.dy, head, token);
            long at = (long) Float.BYTES * r * padded;
            RowMath.readScaled(output, 1, outputs, r * width, width);
            PackedTiles.copyRow(query, queryRows.address() + at, width);
            PackedTiles.copyRow(output, outputRows.address() + at, width);
            finiteQueries &= PackedTiles.isFinite(query, width);
            finiteOutputs &= PackedTiles.isFinite(output, width);
            long index = Float.BYTES * ((long) head * chunks.tokens() + token);
            float logSum = Native.getFloat(o.lse + index);
            // The powers of a query that sees only itself become 2^(t − ∞) = 0.
            logSums[r] = logSum == Float.NEGATIVE_INFINITY ? Float.POSITIVE_INFINITY : logSum * Lanes.LOG2_E;
            deltas[r] = Native.getFloat(o.deltas + index);
        }
        long spare = (long) Float.BYTES * tiles.size * padded;
        Native.zero(queryRows.address() + spare, queryRows.byteSize() - spare);
        Native.zero(outputRows.address() + spare, outputRows.byteSize() - spare);
    }

    private void visit(SortedChunks chunks, int head, int tile) {
        int rows = tiles.rows;
        int columns = Lanes.padded(tiles.count(tile));
        Arrays.fill(p, 0);
        Arrays.fill(dt, 0);
        TileProducts.multiply(
                queries, 0, width, 1, tiles.keyColumns(tile), TILE * 4L, p, 0, TILE, rows, columns, width);
        TileProducts.multiply(
                outputs, 0, width, 1, tiles.valueColumns(tile), TILE * 4L, dt, 0, TILE, rows, columns, width);
        for (int r = 0; r < rows; r++) {
            pairs(chunks, head, r, tile);
        }
        int depth = tiles.count(tile);
        int keyRows = (depth + PANEL - 1) / PANEL * PANEL;
        int at = tile * ChunkTiles.KEY_ROWS * padded;
        tiles.product(tiles.isFinite(tile), dt, 0, TILE, 1, tiles.keyRows(tile), dq, 0, rows, depth);
        tiles.product(finiteOutputs, p, 0, 1, TILE, outputRows.address(), dv, at, keyRows, tiles.size);
        tiles.product(finiteQueries, dt, 0, 1, TILE, queryRows.address(), dk, at, keyRows, tiles.size);
    }

    /// From scores and probability gradients to probabilities and score gradients, for one query.
    private void pairs(SortedChunks chunks, int head, int r, int tile) {
        int at = r * TILE;
        long bits = tiles.bits[r];
        if (bits == 0) {
            Arrays.fill(p, at, at + TILE, 0);
            Arrays.fill(dt, at, at + TILE, 0);
            return;
        }
        tiles.correct(chunks, head, r, tile, p);
        RowMath.gradients(p, dt, at, logSums[r], deltas[r]);
        if (bits != -1L) {
            TileScores.mask(p, at, bits, 0);
            TileScores.mask(dt, at, bits, 0);
        }
    }

    private int accumulator(int place, int j) {
        return ((place * tiles.tiles + j / TILE) * ChunkTiles.KEY_ROWS + j % TILE) * padded;
    }

    private void addKeys(SortedChunks chunks, Operands o, int head, int chunk, int place) {
        for (int j = 0; j < tiles.size; j++) {
            int token = chunks.token(head, chunk, j);
            long key = o.dk + Float.BYTES * ((long) head * chunks.tokens() + token) * width;
            RowMath.mix(key, 1, dk, accumulator(place, j), 1, width);
            RowMath.mix(row(chunks, o.dv, head, token), 1, dv, accumulator(place, j), 1, width);
        }
    }

    private void setAside(SortedChunks chunks, Operands o, int head, int chunk, int place) {
        long border = border(chunks, o, width, head, chunk);
        for (int j = 0; j < tiles.size; j++) {
            RowMath.writeScaled(dk, accumulator(place, j), 1, border + (long) Float.BYTES * j * width, width);
            RowMath.writeScaled(
                    dv, accumulator(place, j), 1, border + (long) Float.BYTES * (tiles.size + j) * width, width);
        }
    }

    private static long border(SortedChunks chunks, Operands o, int width, int head, int chunk) {
        int segments = TiledChunks.segments(chunks);
        int segment = chunk % chunks.perRound() / TiledChunks.SEGMENT;
        return o.borders + Float.BYTES * 2L * ((long) head * segments + segment) * chunks.size() * width;
    }

    /// Adds what the tasks of a round have set aside for one head.
    ///
    /// @param first the round's first chunk
    static void addBorders(SortedChunks chunks, Operands o, int width, int head, int first) {
        for (int chunk = first; chunk < first + chunks.perRound(); chunk += TiledChunks.SEGMENT) {
            long border = border(chunks, o, width, head, chunk);
            for (int j = 0; j < chunks.size(); j++) {
                int token = chunks.token(head, chunks.before(chunk), j);
                long key = o.dk + Float.BYTES * ((long) head * chunks.tokens() + token) * width;
                RowMath.accumulate(border + (long) Float.BYTES * j * width, key, width);
                RowMath.accumulate(
                        border + (long) Float.BYTES * (chunks.size() + j) * width,
                        row(chunks, o.dv, head, token),
                        width);
            }
        }
    }
}
