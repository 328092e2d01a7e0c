package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

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
    private boolean finite;

    /// The gradients of every token, side by side: those of its query and of its key, which lack the scale `1/√D`, and of
    /// its value.
    static final class Slopes {
        private final long tokens;
        private final int padded;
        private final int segments;
        private final int size;
        private final Tensor memory;
        // [B·H, tasks of a round, m]: gradients of keys and values that were set aside.
        private final Tensor borders;

        Slopes(SortedChunks chunks, int width) {
            int heads = chunks.batch() * chunks.heads();
            tokens = chunks.tokens();
            size = chunks.size();
            segments = TiledChunks.segments(chunks);
            padded = Lanes.padded(width);
            memory = Tensor.zeros(DType.F32, heads, chunks.tokens(), 3 * padded);
            borders = Tensor.uninitialised(DType.F32, heads, segments, size, 2 * padded);
        }

        /// The address of a vector of padded width.
        ///
        /// @param number 0 for the query, 1 for the key, 2 for the value
        long vector(int head, int token, int number) {
            return memory.address() + (long) Float.BYTES * padded * (3 * (head * tokens + token) + number);
        }

        private long border(int head, int segment, int j) {
            long row = ((long) head * segments + segment) * size + j;
            return borders.address() + (long) Float.BYTES * 2 * padded * row;
        }

        /// Adds what the tasks of a round have set aside for one head.
        ///
        /// @param first the round's first chunk
        void addBorders(SortedChunks chunks, int head, int first) {
            for (int segment = 0; segment < segments; segment++) {
                int before = chunks.before(first + segment * TiledChunks.SEGMENT);
                for (int j = 0; j < size; j++) {
                    long keyAndValue = vector(head, chunks.token(head, before, j), 1);
                    RowMath.accumulate(border(head, segment, j), keyAndValue, 2 * padded);
                }
            }
        }
    }

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
        dq = new float[2 * rows * padded];
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

    void run(SortedChunks chunks, int head, int from, int stop, ChunkRows rows, Slopes slopes) {
        int last = 1 - (from & 1);
        tiles.gather(chunks, head, chunks.before(from), last, rows, true);
        clear(last);
        for (int chunk = from; chunk < stop; chunk++) {
            int place = chunk & 1;
            tiles.gather(chunks, head, chunk, place, rows, true);
            clear(place);
            load(chunks, rows, head, chunk);
            for (int tile = 0; tile < 2 * tiles.tiles; tile++) {
                if (tiles.allow(chunks, head, chunk, tile)) {
                    visit(chunks, head, tile, place * dq.length / 2);
                }
            }
            if (chunk == from) {
                setAside(slopes, head, chunk % chunks.perRound() / TiledChunks.SEGMENT, 1 - place);
            } else {
                add(chunks, slopes, head, chunk - 1, 1 - place);
            }
        }
        add(chunks, slopes, head, stop - 1, (stop - 1) & 1);
    }

    private void clear(int place) {
        int size = tiles.tiles * ChunkTiles.KEY_ROWS * padded;
        Arrays.fill(dk, place * size, (place + 1) * size, 0);
        Arrays.fill(dv, place * size, (place + 1) * size, 0);
        Arrays.fill(dq, place * dq.length / 2, (place + 1) * dq.length / 2, 0);
    }

    private void load(SortedChunks chunks, ChunkRows rows, int head, int chunk) {
        tiles.queries(chunks, head, chunk, rows, queries);
        finite = true;
        for (int r = 0; r < tiles.size; r++) {
            int token = tiles.queries[r];
            long output = rows.vector(head, token, 2);
            long at = (long) Float.BYTES * r * padded;
            RowMath.readScaled(output, 1, outputs, r * width, width);
            RowMath.scale(rows.vector(head, token, 0), 1, queryRows.address() + at, padded);
            RowMath.scale(output, 1, outputRows.address() + at, padded);
            finite &= rows.isFinite(head, token);
            logSums[r] = rows.logSum(head, token);
            deltas[r] = rows.delta(head, token);
        }
        long spare = (long) Float.BYTES * tiles.size * padded;
        Native.zero(queryRows.address() + spare, queryRows.byteSize() - spare);
        Native.zero(outputRows.address() + spare, outputRows.byteSize() - spare);
    }

    private void visit(SortedChunks chunks, int head, int tile, int dqAt) {
        int rows = tiles.rows;
        int columns = Lanes.padded(tiles.count(tile));
        Arrays.fill(p, 0);
        Arrays.fill(dt, 0);
        TileProducts.multiply(queries, 0, width, tiles.keyColumns(tile), TILE * 4L, p, 0, TILE, rows, columns, width);
        TileProducts.multiply(
                outputs, 0, width, tiles.valueColumns(tile), TILE * 4L, dt, 0, TILE, rows, columns, width);
        for (int r = 0; r < rows; r++) {
            pairs(chunks, head, r, tile);
        }
        int depth = tiles.count(tile);
        int keyRows = (depth + PANEL - 1) / PANEL * PANEL;
        int at = tile * ChunkTiles.KEY_ROWS * padded;
        TileProducts.multiplyRows(
                tiles.isFinite(tile), dt, 0, false, tiles.keyRows(tile), padded, dq, dqAt, rows, depth);
        TileProducts.multiplyRows(finite, p, 0, true, outputRows.address(), padded, dv, at, keyRows, tiles.size);
        TileProducts.multiplyRows(finite, dt, 0, true, queryRows.address(), padded, dk, at, keyRows, tiles.size);
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
        RowMath.gradients(p, dt, at, at + TILE, logSums[r], deltas[r]);
        if (bits != -1L) {
            TileScores.mask(p, at, 0, TILE, bits, 0);
            TileScores.mask(dt, at, 0, TILE, bits, 0);
        }
    }

    private int accumulator(int place, int j) {
        return ((place * tiles.tiles + j / TILE) * ChunkTiles.KEY_ROWS + j % TILE) * padded;
    }

    private void add(SortedChunks chunks, Slopes slopes, int head, int chunk, int place) {
        for (int j = 0; j < tiles.size; j++) {
            int token = chunks.token(head, chunk, j);
            RowMath.mix(slopes.vector(head, token, 0), 1, dq, place * dq.length / 2 + j * padded, 1, padded);
            RowMath.mix(slopes.vector(head, token, 1), 1, dk, accumulator(place, j), 1, padded);
            RowMath.mix(slopes.vector(head, token, 2), 1, dv, accumulator(place, j), 1, padded);
        }
    }

    private void setAside(Slopes slopes, int head, int segment, int place) {
        for (int j = 0; j < tiles.size; j++) {
            long border = slopes.border(head, segment, j);
            RowMath.writeScaled(dk, accumulator(place, j), 1, border, padded);
            RowMath.writeScaled(dv, accumulator(place, j), 1, border + (long) Float.BYTES * padded, padded);
        }
    }
}
