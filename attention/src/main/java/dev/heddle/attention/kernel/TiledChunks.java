package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

/// Attention over [SortedChunks] on 32-bit floats and the Vector API. Rows are gathered chunk by chunk straight into tiles,
/// so what is sorted is never written out; the masks are computed from the tokens' numbers inside the tile.
///
/// The rounds follow each other, and every task owns [#SEGMENT] neighbouring chunks of one round and head: in a round each
/// token is a query of one task, so sums over rounds need no other owner.
final class TiledChunks implements ChunkKernel {
    /// Chunks of a task.
    static final int SEGMENT = 8;

    private static final int ROWS_OF_TASK = 256;

    @Override
    public void forward(SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse) {
        try (var _ = Scope.open()) {
            Tensor sums = Tensor.zeros(DType.F32, chunks.batch(), chunks.heads(), chunks.tokens());
            Tensor keys = normalised(chunks, qk, width);
            ChunkForward.Running running = new ChunkForward.Running(y, lse, sums.address());
            for (int round = 0; round < chunks.rounds(); round++) {
                eachSegment(
                        chunks,
                        round,
                        (head, from, stop) ->
                                ChunkForward.own(chunks, width)
                                        .run(chunks, head, from, stop, qk, keys.address(), v, running));
            }
            eachRow(chunks, (lanes, b, h, row, i) -> finish(running, v, width, b, h, row, i));
        }
    }

    private static void finish(ChunkForward.Running running, Heads v, int width, int b, int h, long row, int i) {
        long y = running.y().f32(b, h, i);
        long lse = running.references() + Float.BYTES * row;
        float sum = Native.getFloat(running.sums() + Float.BYTES * row);
        if (sum == 0) {
            Native.copy(v.f32(b, h, i), y, (long) Float.BYTES * width);
            Native.setFloat(lse, Float.NEGATIVE_INFINITY);
        } else {
            RowMath.scale(y, 1 / sum, y, width);
            Native.setFloat(lse, (float) (Native.getFloat(lse) * Lanes.LN_2 + Math.log(sum)));
        }
    }

    @Override
    public void backward(
            SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse, Heads dy, Heads dqk, Heads dv) {
        try (var _ = Scope.open()) {
            int heads = chunks.batch() * chunks.heads();
            Tensor keys = normalised(chunks, qk, width);
            Tensor keyGradients = Tensor.zeros(DType.F32, heads, chunks.tokens(), width);
            Tensor deltas = Tensor.uninitialised(DType.F32, heads, chunks.tokens());
            eachRow(
                    chunks,
                    (lanes, b, h, row, i) -> {
                        float delta = RowMath.dot(dy.f32(b, h, i), y.f32(b, h, i), width, lanes);
                        Native.setFloat(deltas.address() + Float.BYTES * row, delta);
                        Native.zero(dqk.f32(b, h, i), (long) Float.BYTES * width);
                        Native.zero(dv.f32(b, h, i), (long) Float.BYTES * width);
                    });
            Tensor borders = Tensor.uninitialised(DType.F32, heads, segments(chunks), 2 * chunks.size(), width);
            ChunkBackward.Operands operands =
                    new ChunkBackward.Operands(
                            qk,
                            keys.address(),
                            v,
                            lse,
                            dy,
                            deltas.address(),
                            dqk,
                            keyGradients.address(),
                            dv,
                            borders.address());
            for (int round = 0; round < chunks.rounds(); round++) {
                int first = round * chunks.perRound();
                eachSegment(
                        chunks,
                        round,
                        (head, from, stop) -> ChunkBackward.own(chunks, width).run(chunks, operands, head, from, stop));
                Parallel.run(heads, head -> ChunkBackward.addBorders(chunks, operands, width, head, first));
            }
            eachRow(
                    chunks,
                    (lanes, b, h, row, i) -> {
                        long offset = Float.BYTES * row * width;
                        throughNorm(
                                lanes,
                                qk.f32(b, h, i),
                                keys.address() + offset,
                                keyGradients.address() + offset,
                                dqk.f32(b, h, i),
                                width);
                        if (Native.getFloat(lse + Float.BYTES * row) == Float.NEGATIVE_INFINITY) {
                            RowMath.accumulate(dy.f32(b, h, i), dv.f32(b, h, i), width);
                        }
                    });
        }
    }

    // Both gradients still lack the scale 1/√D.
    private static void throughNorm(float[] lanes, long query, long key, long dkey, long dquery, int width) {
        double norm = Math.sqrt(RowMath.dot(query, query, width, lanes));
        double along = norm > ReferenceChunks.LEAST_NORM ? RowMath.dot(dkey, key, width, lanes) : 0;
        double scale = 1 / Math.sqrt(width);
        double factor = scale / Math.max(norm, ReferenceChunks.LEAST_NORM);
        for (int d = 0; d < width; d++) {
            long at = (long) Float.BYTES * d;
            double through = factor * (Native.getFloat(dkey + at) - along * Native.getFloat(key + at));
            Native.setFloat(dquery + at, (float) (scale * Native.getFloat(dquery + at) + through));
        }
    }

    /// The keys, `[B, H, N, D]`: queries of length 1.
    private static Tensor normalised(SortedChunks chunks, Heads qk, int width) {
        Tensor keys =
                Tensor.uninitialised(DType.F32, chunks.batch(), chunks.heads(), chunks.tokens(), width);
        eachRow(
                chunks,
                (lanes, b, h, row, i) -> {
                    long from = qk.f32(b, h, i);
                    double norm = Math.sqrt(RowMath.dot(from, from, width, lanes));
                    float factor = (float) (1 / Math.max(norm, ReferenceChunks.LEAST_NORM));
                    RowMath.scale(from, factor, keys.address() + Float.BYTES * row * width, width);
                });
        return keys;
    }

    private static void eachRow(SortedChunks chunks, RowBody body) {
        int tokens = chunks.tokens();
        Parallel.ranges(
                (long) chunks.batch() * chunks.heads() * tokens,
                ROWS_OF_TASK,
                (from, to) -> {
                    float[] lanes = new float[Lanes.COUNT];
                    for (long row = from; row < to; row++) {
                        int head = (int) (row / tokens);
                        body.run(lanes, head / chunks.heads(), head % chunks.heads(), row, (int) (row % tokens));
                    }
                });
    }

    /// The tasks of a round and head.
    static int segments(SortedChunks chunks) {
        return (chunks.perRound() + SEGMENT - 1) / SEGMENT;
    }

    private static void eachSegment(SortedChunks chunks, int round, SegmentBody body) {
        int count = chunks.perRound();
        int segments = segments(chunks);
        Parallel.run(
                chunks.batch() * chunks.heads() * segments,
                task -> {
                    int from = task % segments * SEGMENT;
                    int stop = Math.min(from + SEGMENT, count);
                    body.run(task / segments, round * count + from, round * count + stop);
                });
    }

    /// Something done with every token of every head; `row` is its index in dense `[B, H, N]`, `lanes` room for a vector.
    private interface RowBody {
        void run(float[] lanes, int b, int h, long row, int i);
    }

    private interface SegmentBody {
        void run(int head, int from, int stop);
    }
}
