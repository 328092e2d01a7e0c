package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Scope;

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
            ChunkRows rows = new ChunkRows(chunks, width, 2);
            ChunkForward.Running running = new ChunkForward.Running(chunks, width);
            eachRow(chunks, (lanes, b, h, head, i) -> rows.fill(lanes, head, i, qk.f32(b, h, i), v.f32(b, h, i)));
            for (int round = 0; round < chunks.rounds(); round++) {
                eachSegment(
                        chunks,
                        round,
                        (head, from, stop) ->
                                ChunkForward.own(chunks, width).run(chunks, head, from, stop, rows, running));
            }
            eachRow(
                    chunks,
                    (lanes, b, h, head, i) -> {
                        float total = running.finish(head, i, y.f32(b, h, i));
                        if (total == Float.NEGATIVE_INFINITY) {
                            Native.copy(v.f32(b, h, i), y.f32(b, h, i), (long) Float.BYTES * width);
                        }
                        Native.setFloat(at(lse, chunks, head, i), total);
                    });
        }
    }

    private static long at(long lse, SortedChunks chunks, int head, int i) {
        return lse + Float.BYTES * ((long) head * chunks.tokens() + i);
    }

    @Override
    public void backward(
            SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse, Heads dy, Heads dqk, Heads dv) {
        try (var _ = Scope.open()) {
            ChunkRows rows = new ChunkRows(chunks, width, 3);
            ChunkBackward.Slopes slopes = new ChunkBackward.Slopes(chunks, width);
            eachRow(
                    chunks,
                    (lanes, b, h, head, i) -> {
                        long slope = dy.f32(b, h, i);
                        rows.fill(lanes, head, i, qk.f32(b, h, i), v.f32(b, h, i), slope);
                        float delta = RowMath.dot(slope, y.f32(b, h, i), width, lanes);
                        rows.softmax(head, i, Native.getFloat(at(lse, chunks, head, i)), delta);
                    });
            for (int round = 0; round < chunks.rounds(); round++) {
                int first = round * chunks.perRound();
                eachSegment(
                        chunks,
                        round,
                        (head, from, stop) ->
                                ChunkBackward.own(chunks, width).run(chunks, head, from, stop, rows, slopes));
                Parallel.run(chunks.batch() * chunks.heads(), head -> slopes.addBorders(chunks, head, first));
            }
            eachRow(
                    chunks,
                    (lanes, b, h, head, i) -> {
                        throughNorm(rows, slopes, lanes, head, i, dqk.f32(b, h, i), width);
                        long value = dv.f32(b, h, i);
                        RowMath.scale(slopes.vector(head, i, 2), 1, value, width);
                        if (Native.getFloat(at(lse, chunks, head, i)) == Float.NEGATIVE_INFINITY) {
                            RowMath.accumulate(dy.f32(b, h, i), value, width);
                        }
                    });
        }
    }

    /// The gradient of a vector from those of the query and of the key that it is.
    private static void throughNorm(
            ChunkRows rows, ChunkBackward.Slopes slopes, float[] lanes, int head, int i, long out, int width) {
        long vector = rows.vector(head, i, 0);
        long dkey = slopes.vector(head, i, 1);
        double inverse = rows.inverseNorm(head, i);
        boolean longEnough = inverse < (float) (1 / ReferenceChunks.LEAST_NORM);
        double along = longEnough ? inverse * inverse * RowMath.dot(dkey, vector, width, lanes) : 0;
        float scale = (float) (1 / Math.sqrt(width));
        RowMath.sum(
                slopes.vector(head, i, 0),
                scale,
                dkey,
                (float) (scale * inverse),
                vector,
                (float) (-scale * inverse * along),
                out,
                width);
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
                        body.run(lanes, head / chunks.heads(), head % chunks.heads(), head, (int) (row % tokens));
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

    /// Something done with every token of every head; `head` is one of the B·H, `lanes` room for a vector.
    private interface RowBody {
        void run(float[] lanes, int b, int h, int head, int i);
    }

    private interface SegmentBody {
        void run(int head, int from, int stop);
    }
}
