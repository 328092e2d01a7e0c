package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.BitSet;

/// The backward pass over tiles (FlashAttention-2, algorithm 2): scores are computed again, probabilities follow from the
/// saved log-sum-exp, and five products a tile give the gradients.
///
/// A task owns a chunk of the keys of one key/value head, so the gradients of keys and values have one owner, and sums
/// up the gradients of queries for its chunk.
final class TiledBackward {
    private static final int TILE = PackedTiles.TILE;
    private static final int KEY_ROWS = BackwardTile.KEY_ROWS;

    /// Tokens in a task that passes over all heads of a token.
    private static final int GRAIN = 64;

    private final BackwardOperands in;
    private final Pass pass;
    private final AttentionShape shape;
    private final boolean addsQueries;
    private final boolean addsKeys;
    private final Heads dq;
    private final Heads dk;
    private final Heads dv;
    private final KeyChunks chunks;
    private final QuerySums sums;
    private final BiasGradient biasGradient;
    private final float scale;
    private final int paddedWidth;
    private final int paddedValueWidth;

    /// @param addsQueries whether `dq` holds what other passes found, to be added to
    /// @param addsKeys whether `dk` and `dv` do
    TiledBackward(
            BackwardOperands in, boolean addsQueries, boolean addsKeys, Heads dq, Heads dk, Heads dv, long dbias) {
        this.in = in;
        this.addsQueries = addsQueries;
        this.addsKeys = addsKeys;
        this.dq = dq;
        this.dk = dk;
        this.dv = dv;
        pass = in.pass;
        shape = in.shape;
        scale = (float) pass.call.scale();
        paddedWidth = Lanes.padded(shape.width());
        paddedValueWidth = Lanes.padded(shape.valueWidth());
        chunks = new KeyChunks(pass, BiasGradient.oneChunk(pass.call, dbias));
        sums = new QuerySums(pass, chunks, paddedWidth);
        biasGradient = new BiasGradient(pass, dbias, chunks.count);
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
                            long at = Float.BYTES * shape.row(b, h, i);
                            float dot = RowMath.dot(dy.f32(b, h, i), y.f32(b, h, i), shape.valueWidth(), lanes);
                            Native.setFloat(delta.address() + at, dlse == 0 ? dot : dot - Native.getFloat(dlse + at));
                        }
                    }
                });
        return delta;
    }

    void run() {
        PackedTiles.fill(in.keyColumns, in.keyRows, in.valueColumns);
        int owners = shape.batch() * pass.kvHeads.length;
        if (biasGradient.shared()) {
            Parallel.run(
                    chunks.count,
                    chunk -> {
                        for (int owner = 0; owner < owners; owner++) {
                            chunk(owner, chunk);
                        }
                    });
        } else {
            // Early keys first: under a causal mask they have the most queries.
            Parallel.run(owners * chunks.count, task -> chunk(task % owners, task / owners));
        }
        Parallel.ranges((long) shape.batch() * pass.queries, GRAIN, this::sumQueries);
        biasGradient.sum();
    }

    private void chunk(int owner, int chunk) {
        int b = owner / pass.kvHeads.length;
        int g = pass.kvHeads[owner % pass.kvHeads.length];
        BackwardTile work = new BackwardTile(in, biasGradient);
        for (int t0 = chunks.start(chunk); t0 < chunks.stop(chunk); t0 += KeyChunks.BLOCK) {
            int t1 = Math.min(t0 + KeyChunks.BLOCK, chunks.stop(chunk));
            Arrays.fill(work.w.dk, 0, (t1 - t0) * KEY_ROWS * paddedWidth, 0);
            Arrays.fill(work.w.dv, 0, (t1 - t0) * KEY_ROWS * paddedValueWidth, 0);
            for (int h : pass.heads) {
                if (h / shape.group() == g) {
                    BitSet meeting = chunks.meeting(h, t0);
                    for (int tile = meeting.nextSetBit(0); tile >= 0; tile = meeting.nextSetBit(tile + 1)) {
                        queries(work, b, h, tile * chunks.tileRows, chunk, t0, t1);
                    }
                }
            }
            writeKeys(work.w, b, g, t0, t1);
        }
    }

    /// One tile of queries against a block of key tiles.
    private void queries(BackwardTile work, int b, int h, int i0, int chunk, int t0, int t1) {
        int count = Math.min(chunks.tileRows, pass.queries - i0);
        KeyRanges ranges = chunks.keys(h, i0, t0 * TILE, Math.min(t1 * TILE, pass.keys));
        work.load(b, h, i0, count, chunk);
        sums.read(chunk, b, h, i0, count, work.w.dq);
        long done = 0;
        int next = t0;
        for (int r = 0; r < ranges.count(); r++) {
            int end = PackedTiles.count(ranges.stop(r));
            for (next = Math.max(next, ranges.start(r) / TILE); next < end; next++) {
                done += work.visit(next, next - t0);
            }
        }
        WorkMeter.add(done);
        sums.write(chunk, b, h, i0, count, work.w.dq);
    }

    private void writeKeys(BackwardTile.Buffers w, int b, int g, int t0, int t1) {
        for (int place = t0 * TILE; place < Math.min(t1 * TILE, pass.keys); place++) {
            int row = (place / TILE - t0) * KEY_ROWS + place % TILE;
            int j = pass.key(place);
            write(addsKeys, w.dk, row * paddedWidth, scale, dk.f32(b, g, j), shape.width());
            write(addsKeys, w.dv, row * paddedValueWidth, 1, dv.f32(b, g, j), shape.valueWidth());
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
        float[] total = new float[paddedWidth];
        for (long row = from; row < to; row++) {
            int b = (int) (row / pass.queries);
            int place = (int) (row % pass.queries);
            for (int h : pass.heads) {
                sums.total(b, h, place, total);
                write(addsQueries, total, 0, scale, dq.f32(b, h, pass.query(place)), shape.width());
            }
        }
    }
}
