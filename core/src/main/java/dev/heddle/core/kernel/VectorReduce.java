package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import java.lang.foreign.Arena;

/// Sums and maxima, always added in an order that depends on the size only.
final class VectorReduce {
    /// Elements that one task adds up.
    private static final int BLOCK = 1 << 14;

    private static final int MAX_BLOCKS = 64;

    private VectorReduce() {}

    /// `Σ a[i]`, four chains of vectors.
    static float sum(long a, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        FloatVector s2 = zero();
        FloatVector s3 = zero();
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            s0 = s0.add(load(a + 4L * i));
            s1 = s1.add(load(a + 4L * (i + COUNT)));
            s2 = s2.add(load(a + 4L * (i + 2 * COUNT)));
            s3 = s3.add(load(a + 4L * (i + 3 * COUNT)));
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 = s0.add(load(a + 4L * i));
        }
        if (i < n) {
            s1 = s1.add(load(a + 4L * i, first(n - i)));
        }
        return Lanes.sum(s0.add(s1).add(s2.add(s3)));
    }

    /// `Σ a[i]·b[i]`.
    static float dot(long a, long b, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        FloatVector s2 = zero();
        FloatVector s3 = zero();
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            s0 = load(a + 4L * i).fma(load(b + 4L * i), s0);
            s1 = load(a + 4L * (i + COUNT)).fma(load(b + 4L * (i + COUNT)), s1);
            s2 = load(a + 4L * (i + 2 * COUNT)).fma(load(b + 4L * (i + 2 * COUNT)), s2);
            s3 = load(a + 4L * (i + 3 * COUNT)).fma(load(b + 4L * (i + 3 * COUNT)), s3);
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 = load(a + 4L * i).fma(load(b + 4L * i), s0);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            s1 = load(a + 4L * i, tail).fma(load(b + 4L * i, tail), s1);
        }
        return Lanes.sum(s0.add(s1).add(s2.add(s3)));
    }

    /// `Σ (a[i] − centre)·b[i]`.
    static float centredDot(long a, float centre, long b, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (; i <= n - 2 * COUNT; i += 2 * COUNT) {
            s0 = load(a + 4L * i).sub(centre).fma(load(b + 4L * i), s0);
            s1 = load(a + 4L * (i + COUNT)).sub(centre).fma(load(b + 4L * (i + COUNT)), s1);
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 = load(a + 4L * i).sub(centre).fma(load(b + 4L * i), s0);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            s1 = load(a + 4L * i, tail).sub(centre).fma(load(b + 4L * i, tail), s1);
        }
        return Lanes.sum(s0.add(s1));
    }

    /// `Σ (a[i] − centre)²`.
    static float squares(long a, float centre, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        FloatVector s2 = zero();
        FloatVector s3 = zero();
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            FloatVector d0 = load(a + 4L * i).sub(centre);
            FloatVector d1 = load(a + 4L * (i + COUNT)).sub(centre);
            FloatVector d2 = load(a + 4L * (i + 2 * COUNT)).sub(centre);
            FloatVector d3 = load(a + 4L * (i + 3 * COUNT)).sub(centre);
            s0 = d0.fma(d0, s0);
            s1 = d1.fma(d1, s1);
            s2 = d2.fma(d2, s2);
            s3 = d3.fma(d3, s3);
        }
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector d = load(a + 4L * i).sub(centre);
            s0 = d.fma(d, s0);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector d = load(a + 4L * i, tail).sub(all(centre), tail);
            s1 = d.fma(d, s1);
        }
        return Lanes.sum(s0.add(s1).add(s2.add(s3)));
    }

    /// The largest element, passing over NaN; −∞ if there is none.
    static float max(long a, int n) {
        FloatVector m0 = all(Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
            m0 = Lanes.larger(m0, load(a + 4L * i));
            m1 = Lanes.larger(m1, load(a + 4L * (i + COUNT)));
            m2 = Lanes.larger(m2, load(a + 4L * (i + 2 * COUNT)));
            m3 = Lanes.larger(m3, load(a + 4L * (i + 3 * COUNT)));
        }
        for (; i <= n - COUNT; i += COUNT) {
            m0 = Lanes.larger(m0, load(a + 4L * i));
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            m1 = Lanes.larger(m1, all(Float.NEGATIVE_INFINITY).blend(load(a + 4L * i, tail), tail));
        }
        return Lanes.max(Lanes.larger(Lanes.larger(m0, m1), Lanes.larger(m2, m3)));
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
