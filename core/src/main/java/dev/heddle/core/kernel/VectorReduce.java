package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import java.lang.foreign.Arena;

/// Sums and maxima, always added in an order that depends on the size only.
final class VectorReduce {
    /// Elements that one task adds up.
    private static final int BLOCK = 1 << 14;

    private static final int MAX_BLOCKS = 64;

    private VectorReduce() {}

    /// `Σ a[i]`, four chains of vectors.
    static float sum(long a, int n) {
        long lanes = Scratch.own().lanes;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            s0 = s0.add(fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER));
            s1 = s1.add(fromMemorySegment(FLOATS, ALL, a + 4L * (i + COUNT), ORDER));
            s2 = s2.add(fromMemorySegment(FLOATS, ALL, a + 4L * (i + 2 * COUNT), ORDER));
            s3 = s3.add(fromMemorySegment(FLOATS, ALL, a + 4L * (i + 3 * COUNT), ORDER));
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 = s0.add(fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER));
        }
        if (i < n) {
            s1 = s1.add(fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, FLOATS.indexInRange(i, n)));
        }
        s0.add(s1).add(s2.add(s3)).intoMemorySegment(ALL, lanes, ORDER);
        return Lanes.sumAt(lanes);
    }

    /// `Σ a[i]·b[i]`.
    static float dot(long a, long b, int n) {
        long lanes = Scratch.own().lanes;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            s0 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER), s0);
            s1 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * (i + COUNT), ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * (i + COUNT), ORDER), s1);
            s2 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * (i + 2 * COUNT), ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * (i + 2 * COUNT), ORDER), s2);
            s3 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * (i + 3 * COUNT), ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * (i + 3 * COUNT), ORDER), s3);
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER), s0);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            s1 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail), s1);
        }
        s0.add(s1).add(s2.add(s3)).intoMemorySegment(ALL, lanes, ORDER);
        return Lanes.sumAt(lanes);
    }

    /// `Σ (a[i] − centre)·b[i]`.
    static float centredDot(long a, float centre, long b, int n) {
        long lanes = Scratch.own().lanes;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= n - 2 * COUNT; i += 2 * COUNT) {
            s0 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                            .sub(centre)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER), s0);
            s1 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * (i + COUNT), ORDER)
                            .sub(centre)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * (i + COUNT), ORDER), s1);
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                            .sub(centre)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER), s0);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            s1 =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                            .sub(centre)
                            .fma(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail), s1);
        }
        s0.add(s1).intoMemorySegment(ALL, lanes, ORDER);
        return Lanes.sumAt(lanes);
    }

    /// `Σ (a[i] − centre)²`.
    static float squares(long a, float centre, int n) {
        long lanes = Scratch.own().lanes;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            FloatVector d0 = fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER).sub(centre);
            FloatVector d1 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + COUNT), ORDER).sub(centre);
            FloatVector d2 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + 2 * COUNT), ORDER).sub(centre);
            FloatVector d3 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + 3 * COUNT), ORDER).sub(centre);
            s0 = d0.fma(d0, s0);
            s1 = d1.fma(d1, s1);
            s2 = d2.fma(d2, s2);
            s3 = d3.fma(d3, s3);
        }
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector d = fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER).sub(centre);
            s0 = d.fma(d, s0);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector d =
                    fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail).sub(broadcast(FLOATS, centre), tail);
            s1 = d.fma(d, s1);
        }
        s0.add(s1).add(s2.add(s3)).intoMemorySegment(ALL, lanes, ORDER);
        return Lanes.sumAt(lanes);
    }

    /// The largest element, passing over NaN; −∞ if there is none. One compare and one blend: the maximum that
    /// propagates NaN takes six instructions.
    static float max(long a, int n) {
        FloatVector m0 = broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            FloatVector v0 = fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER);
            FloatVector v1 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + COUNT), ORDER);
            FloatVector v2 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + 2 * COUNT), ORDER);
            FloatVector v3 = fromMemorySegment(FLOATS, ALL, a + 4L * (i + 3 * COUNT), ORDER);
            m0 = m0.blend(v0, v0.compare(VectorOperators.GT, m0));
            m1 = m1.blend(v1, v1.compare(VectorOperators.GT, m1));
            m2 = m2.blend(v2, v2.compare(VectorOperators.GT, m2));
            m3 = m3.blend(v3, v3.compare(VectorOperators.GT, m3));
        }
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector v = fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER);
            m0 = m0.blend(v, v.compare(VectorOperators.GT, m0));
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector v = fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail);
            m1 = m1.blend(v, v.compare(VectorOperators.GT, m1).and(tail));
        }
        m0 = m0.blend(m1, m1.compare(VectorOperators.GT, m0));
        m2 = m2.blend(m3, m3.compare(VectorOperators.GT, m2));
        return m0.blend(m2, m2.compare(VectorOperators.GT, m0)).reduceLanes(VectorOperators.MAX);
    }

    /// The sum of any number of elements: blocks in parallel, then their sums in order.
    static double sumAll(long a, long n) {
        if (n <= BLOCK) {
            return sum(a, (int) n);
        }
        double[] sums = new double[Math.toIntExact((n + BLOCK - 1) / BLOCK)];
        Parallel.ranges(n, BLOCK, (from, to) -> sums[(int) (from / BLOCK)] = sum(a + 4 * from, (int) (to - from)));
        double total = 0;
        for (double s : sums) {
            total += s;
        }
        return total;
    }

    /// Adds up the rows of one block of a matrix into a row that starts as zeros.
    @FunctionalInterface
    interface RowAdder {
        void add(long from, long to, long row);
    }

    /// A row that is a sum over all rows of a matrix: every block of rows is added up apart, then the blocks in order.
    static void overRows(long rows, int cols, long out, RowAdder adder) {
        long height = Math.max(1, Math.max(BLOCK / cols, (rows + MAX_BLOCKS - 1) / MAX_BLOCKS));
        int blocks = (int) ((rows + height - 1) / height);
        try (Arena arena = Arena.ofConfined()) {
            long bytes = 4L * cols;
            long partial = arena.allocate(Math.max(1, blocks) * bytes, 64).address();
            Parallel.run(blocks, t -> adder.add(t * height, Math.min(rows, (t + 1) * height), partial + t * bytes));
            for (int t = 1; t < blocks; t++) {
                VectorElementwise.add(partial, partial + t * bytes, partial, cols);
            }
            Native.copy(partial, out, bytes);
        }
    }

    /// `out[c] = Σ_r a[r, c]`.
    static void sumRows(long a, long out, long rows, int cols) {
        overRows(
                rows,
                cols,
                out,
                (from, to, row) -> {
                    for (long r = from; r < to; r++) {
                        VectorElementwise.add(row, a + 4 * r * cols, row, cols);
                    }
                });
    }
}
