package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/// A matrix times one vector, and transposed copies.
final class VectorMatrix {
    private static final VectorShuffle<Float> SWAP_8 = swap(8);
    private static final VectorShuffle<Float> SWAP_4 = swap(4);
    private static final VectorShuffle<Float> SWAP_2 = swap(2);
    private static final VectorShuffle<Float> SWAP_1 = swap(1);
    private static final VectorMask<Float> HIGH_8 = high(0xFF00);
    private static final VectorMask<Float> HIGH_4 = high(0xF0F0);
    private static final VectorMask<Float> HIGH_2 = high(0xCCCC);
    private static final VectorMask<Float> HIGH_1 = high(0xAAAA);

    /// From this length on rows are read one after the other, as memory likes it; four short ones at a time hide the
    /// latency of adding up their lanes.
    private static final int LONG_ROW = 1024;

    private VectorMatrix() {}

    /// `y[r] = Σ_c w[r, c]·x[c] + bias[r]` for the rows from … to.
    static void matVec(long w, long x, long bias, long y, int from, int to, int cols) {
        long lanes = Scratch.own().lanes;
        int r = from;
        for (; cols >= LONG_ROW && r < to; r++) {
            Native.setFloat(y + 4L * r, VectorReduce.dot(w + 4L * r * cols, x, cols));
        }
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

    /// Rows from … to of one matrix, in squares of [Lanes#COUNT] rows; what is left over goes element by element.
    static void transpose(long a, long out, int from, int to, int rows, int cols) {
        long square = Scratch.own().first;
        int wholeRows = from + (to - from) / COUNT * COUNT;
        int wholeCols = cols / COUNT * COUNT;
        for (int r = from; r < wholeRows; r += COUNT) {
            for (int c = 0; c < wholeCols; c += COUNT) {
                copyRows(a + 4L * ((long) r * cols + c), 4L * cols, square, Lanes.BYTES);
                transposeSquare(square);
                copyRows(square, Lanes.BYTES, out + 4L * ((long) c * rows + r), 4L * rows);
            }
        }
        elements(a, out, from, wholeRows, wholeCols, rows, cols);
        elements(a, out, wholeRows, to, 0, rows, cols);
    }

    private static void elements(long a, long out, int from, int to, int firstCol, int rows, int cols) {
        for (int c = firstCol; c < cols; c++) {
            for (int r = from; r < to; r++) {
                float value = Native.getFloat(a + 4L * ((long) r * cols + c));
                Native.setFloat(out + 4L * ((long) c * rows + r), value);
            }
        }
    }

    private static void copyRows(long from, long fromStride, long to, long toStride) {
        for (int r = 0; r < COUNT; r++) {
            fromMemorySegment(FLOATS, ALL, from + r * fromStride, ORDER)
                    .intoMemorySegment(ALL, to + r * toStride, ORDER);
        }
    }

    /// Transposes [Lanes#COUNT] vectors in place: in the step of each bit of a row's number, rows that differ in that
    /// bit exchange the lanes that differ in it (Eklundh 1972).
    private static void transposeSquare(long square) {
        if (COUNT >= 16) {
            exchange(square, 8, SWAP_8, HIGH_8);
        }
        if (COUNT >= 8) {
            exchange(square, 4, SWAP_4, HIGH_4);
        }
        exchange(square, 2, SWAP_2, HIGH_2);
        exchange(square, 1, SWAP_1, HIGH_1);
    }

    private static void exchange(long square, int bit, VectorShuffle<Float> swap, VectorMask<Float> high) {
        for (int pair = 0; pair < COUNT / 2; pair++) {
            int r = (pair & -bit) * 2 + (pair & (bit - 1));
            long low = square + (long) r * Lanes.BYTES;
            long top = low + (long) bit * Lanes.BYTES;
            FloatVector a = fromMemorySegment(FLOATS, ALL, low, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, top, ORDER);
            a.blend(b.rearrange(swap), high).intoMemorySegment(ALL, low, ORDER);
            a.rearrange(swap).blend(b, high).intoMemorySegment(ALL, top, ORDER);
        }
    }

    private static VectorShuffle<Float> swap(int bit) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane ^ bit) % FLOATS.length());
    }

    private static VectorMask<Float> high(long lanes) {
        return VectorMask.fromLong(FLOATS, lanes & ((1L << COUNT) - 1));
    }
}
