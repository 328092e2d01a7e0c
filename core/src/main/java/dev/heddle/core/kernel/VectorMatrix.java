package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// A matrix times one vector, and transposed copies.
final class VectorMatrix {
    /// Two cache lines wide.
    private static final int TILE = 32;

    private VectorMatrix() {}

    /// `y[r] = Σ_c w[r, c]·x[c] + bias[r]` for the rows from … to.
    static void matVec(long w, long x, long bias, long y, int from, int to, int cols) {
        long lanes = Scratch.own().lanes;
        int r = from;
        for (; r <= to - 4; r += 4) {
            fourRows(w + 4L * r * cols, x, y + 4L * r, cols, lanes);
        }
        for (; r < to; r++) {
            Native.setFloat(y + 4L * r, oneRow(w + 4L * r * cols, x, cols, lanes));
        }
        if (bias != 0) {
            VectorElementwise.add(y + 4L * from, bias + 4L * from, y + 4L * from, to - from);
        }
    }

    /// Four rows at once read x once; each row is summed exactly as [#oneRow] does.
    private static void fourRows(long w, long x, long y, int cols, long lanes) {
        long w1 = w + 4L * cols;
        long w2 = w1 + 4L * cols;
        long w3 = w2 + 4L * cols;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        FloatVector t0 = FloatVector.zero(FLOATS);
        FloatVector t1 = FloatVector.zero(FLOATS);
        FloatVector t2 = FloatVector.zero(FLOATS);
        FloatVector t3 = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= cols - 2 * COUNT; i += 2 * COUNT) {
            FloatVector x0 = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector x1 = fromMemorySegment(FLOATS, ALL, x + 4L * (i + COUNT), ORDER);
            s0 = fromMemorySegment(FLOATS, ALL, w + 4L * i, ORDER).fma(x0, s0);
            s1 = fromMemorySegment(FLOATS, ALL, w1 + 4L * i, ORDER).fma(x0, s1);
            s2 = fromMemorySegment(FLOATS, ALL, w2 + 4L * i, ORDER).fma(x0, s2);
            s3 = fromMemorySegment(FLOATS, ALL, w3 + 4L * i, ORDER).fma(x0, s3);
            t0 = fromMemorySegment(FLOATS, ALL, w + 4L * (i + COUNT), ORDER).fma(x1, t0);
            t1 = fromMemorySegment(FLOATS, ALL, w1 + 4L * (i + COUNT), ORDER).fma(x1, t1);
            t2 = fromMemorySegment(FLOATS, ALL, w2 + 4L * (i + COUNT), ORDER).fma(x1, t2);
            t3 = fromMemorySegment(FLOATS, ALL, w3 + 4L * (i + COUNT), ORDER).fma(x1, t3);
        }
        for (; i < cols; i += COUNT) {
            VectorMask<Float> tail = FLOATS.indexInRange(0, Math.min(COUNT, cols - i));
            FloatVector x0 = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail);
            s0 = fromMemorySegment(FLOATS, ALL, w + 4L * i, ORDER, tail).fma(x0, s0);
            s1 = fromMemorySegment(FLOATS, ALL, w1 + 4L * i, ORDER, tail).fma(x0, s1);
            s2 = fromMemorySegment(FLOATS, ALL, w2 + 4L * i, ORDER, tail).fma(x0, s2);
            s3 = fromMemorySegment(FLOATS, ALL, w3 + 4L * i, ORDER, tail).fma(x0, s3);
        }
        s0.add(t0).intoMemorySegment(ALL, lanes, ORDER);
        Native.setFloat(y, Lanes.sumAt(lanes));
        s1.add(t1).intoMemorySegment(ALL, lanes, ORDER);
        Native.setFloat(y + 4, Lanes.sumAt(lanes));
        s2.add(t2).intoMemorySegment(ALL, lanes, ORDER);
        Native.setFloat(y + 8, Lanes.sumAt(lanes));
        s3.add(t3).intoMemorySegment(ALL, lanes, ORDER);
        Native.setFloat(y + 12, Lanes.sumAt(lanes));
    }

    private static float oneRow(long w, long x, int cols, long lanes) {
        FloatVector s = FloatVector.zero(FLOATS);
        FloatVector t = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= cols - 2 * COUNT; i += 2 * COUNT) {
            s =
                    fromMemorySegment(FLOATS, ALL, w + 4L * i, ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER), s);
            t =
                    fromMemorySegment(FLOATS, ALL, w + 4L * (i + COUNT), ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, x + 4L * (i + COUNT), ORDER), t);
        }
        for (; i < cols; i += COUNT) {
            VectorMask<Float> tail = FLOATS.indexInRange(0, Math.min(COUNT, cols - i));
            s =
                    fromMemorySegment(FLOATS, ALL, w + 4L * i, ORDER, tail)
                            .fma(fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail), s);
        }
        s.add(t).intoMemorySegment(ALL, lanes, ORDER);
        return Lanes.sumAt(lanes);
    }

    /// Rows from … to of one matrix. A tile goes through a buffer: written straight to their places, rows that are a
    /// power of two apart would all fall into the same few cache lines.
    static void transpose(long a, long out, int from, int to, int rows, int cols) {
        long buffer = Scratch.own().first;
        for (int r = from; r < to; r += TILE) {
            int height = Math.min(TILE, to - r);
            for (int c = 0; c < cols; c += TILE) {
                int width = Math.min(TILE, cols - c);
                gather(a + 4L * ((long) r * cols + c), buffer, height, width, cols);
                for (int k = 0; k < width; k++) {
                    row(buffer + 4L * k * TILE, out + 4L * ((long) (c + k) * rows + r), height);
                }
            }
        }
    }

    /// `buffer[c, r] = a[r, c]` for one tile; a row of the buffer has TILE elements.
    private static void gather(long a, long buffer, int height, int width, int cols) {
        for (int r = 0; r < height; r++) {
            long from = a + 4L * r * cols;
            long to = buffer + 4L * r;
            for (int c = 0; c < width; c++) {
                Native.setFloat(to + 4L * c * TILE, Native.getFloat(from + 4L * c));
            }
        }
    }

    private static void row(long from, long to, int n) {
        for (int i = 0; i < n; i++) {
            Native.setFloat(to + 4L * i, Native.getFloat(from + 4L * i));
        }
    }
}
