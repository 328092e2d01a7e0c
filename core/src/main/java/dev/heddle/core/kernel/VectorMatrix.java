package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// A matrix times one vector, and transposed copies.
final class VectorMatrix {
    private static final int TILE = 16;

    private VectorMatrix() {}

    /// `y[r] = Σ_c w[r, c]·x[c] + bias[r]` for the rows from … to.
    static void matVec(long w, long x, long bias, long y, int from, int to, int cols) {
        int r = from;
        for (; r <= to - 4; r += 4) {
            fourRows(w + 4L * r * cols, x, y + 4L * r, cols);
        }
        for (; r < to; r++) {
            Native.setFloat(y + 4L * r, oneRow(w + 4L * r * cols, x, cols));
        }
        if (bias != 0) {
            VectorElementwise.add(y + 4L * from, bias + 4L * from, y + 4L * from, to - from);
        }
    }

    /// Four rows at once read x once; each row is summed exactly as [#oneRow] does.
    private static void fourRows(long w, long x, long y, int cols) {
        long w1 = w + 4L * cols;
        long w2 = w1 + 4L * cols;
        long w3 = w2 + 4L * cols;
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        FloatVector s2 = zero();
        FloatVector s3 = zero();
        FloatVector t0 = zero();
        FloatVector t1 = zero();
        FloatVector t2 = zero();
        FloatVector t3 = zero();
        int i = 0;
        for (; i <= cols - 2 * COUNT; i += 2 * COUNT) {
            FloatVector x0 = load(x + 4L * i);
            FloatVector x1 = load(x + 4L * (i + COUNT));
            s0 = load(w + 4L * i).fma(x0, s0);
            s1 = load(w1 + 4L * i).fma(x0, s1);
            s2 = load(w2 + 4L * i).fma(x0, s2);
            s3 = load(w3 + 4L * i).fma(x0, s3);
            t0 = load(w + 4L * (i + COUNT)).fma(x1, t0);
            t1 = load(w1 + 4L * (i + COUNT)).fma(x1, t1);
            t2 = load(w2 + 4L * (i + COUNT)).fma(x1, t2);
            t3 = load(w3 + 4L * (i + COUNT)).fma(x1, t3);
        }
        for (; i < cols; i += COUNT) {
            VectorMask<Float> tail = first(Math.min(COUNT, cols - i));
            FloatVector x0 = load(x + 4L * i, tail);
            s0 = load(w + 4L * i, tail).fma(x0, s0);
            s1 = load(w1 + 4L * i, tail).fma(x0, s1);
            s2 = load(w2 + 4L * i, tail).fma(x0, s2);
            s3 = load(w3 + 4L * i, tail).fma(x0, s3);
        }
        Native.setFloat(y, Lanes.sum(s0.add(t0)));
        Native.setFloat(y + 4, Lanes.sum(s1.add(t1)));
        Native.setFloat(y + 8, Lanes.sum(s2.add(t2)));
        Native.setFloat(y + 12, Lanes.sum(s3.add(t3)));
    }

    private static float oneRow(long w, long x, int cols) {
        FloatVector s = zero();
        FloatVector t = zero();
        int i = 0;
        for (; i <= cols - 2 * COUNT; i += 2 * COUNT) {
            s = load(w + 4L * i).fma(load(x + 4L * i), s);
            t = load(w + 4L * (i + COUNT)).fma(load(x + 4L * (i + COUNT)), t);
        }
        for (; i < cols; i += COUNT) {
            VectorMask<Float> tail = first(Math.min(COUNT, cols - i));
            s = load(w + 4L * i, tail).fma(load(x + 4L * i, tail), s);
        }
        return Lanes.sum(s.add(t));
    }

    /// Rows from … to of one matrix, in tiles small enough that both sides stay in the first-level cache.
    static void transpose(long a, long out, int from, int to, int rows, int cols) {
        for (int r = from; r < to; r += TILE) {
            int height = Math.min(TILE, to - r);
            for (int c = 0; c < cols; c += TILE) {
                tile(
                        a + 4L * ((long) r * cols + c),
                        out + 4L * ((long) c * rows + r),
                        height,
                        Math.min(TILE, cols - c),
                        rows,
                        cols);
            }
        }
    }

    private static void tile(long a, long out, int height, int width, int rows, int cols) {
        for (int c = 0; c < width; c++) {
            long to = out + 4L * c * rows;
            long at = a + 4L * c;
            for (int r = 0; r < height; r++) {
                Native.setFloat(to + 4L * r, Native.getFloat(at + 4L * r * cols));
            }
        }
    }
}
