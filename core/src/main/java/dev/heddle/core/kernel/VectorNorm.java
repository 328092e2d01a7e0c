package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Layer norm and RMS norm of one row. An RMS norm is a layer norm whose mean is 0 and stays 0.
final class VectorNorm {
    private VectorNorm() {}

    static float mean(long x, int n) {
        return VectorReduce.sum(x, n) / n;
    }

    /// `1/√(Σ (x − mean)²/n + eps)`.
    static float reciprocalDeviation(long x, float mean, double eps, int n) {
        return (float) (1 / Math.sqrt((double) VectorReduce.squares(x, mean, n) / n + eps));
    }

    /// `y = (x − mean) · rstd · (weight + offset) + bias`; `weight` and `bias` may be 0.
    static void apply(long x, float mean, float rstd, long weight, float offset, long bias, long y, int n) {
        if (weight == 0) {
            normal(x, mean, rstd, y, n);
            if (bias != 0) {
                VectorElementwise.add(y, bias, y, n);
            }
        } else if (bias == 0) {
            scaled(x, mean, rstd, weight, offset, y, n);
        } else {
            scaledAndShifted(x, mean, rstd, weight, bias, y, n);
        }
    }

    private static void normal(long x, float mean, float rstd, long y, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER)
                    .sub(mean)
                    .mul(rstd)
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail)
                    .sub(mean)
                    .mul(rstd)
                    .intoMemorySegment(ALL, y + 4L * i, ORDER, tail);
        }
    }

    private static void scaled(long x, float mean, float rstd, long weight, float offset, long y, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).sub(mean).mul(rstd);
            normal.mul(fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER).add(offset))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail).sub(mean).mul(rstd);
            normal.mul(fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER, tail).add(offset))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER, tail);
        }
    }

    private static void scaledAndShifted(long x, float mean, float rstd, long weight, long bias, long y, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).sub(mean).mul(rstd);
            normal.fma(
                            fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER),
                            fromMemorySegment(FLOATS, ALL, bias + 4L * i, ORDER))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail).sub(mean).mul(rstd);
            normal.fma(
                            fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER, tail),
                            fromMemorySegment(FLOATS, ALL, bias + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER, tail);
        }
    }

    /// `dx = rstd · (g − mean(g) − x̂ · mean(g·x̂))` with `g = dy · (weight + offset)`; without the middle term unless
    /// `centred`.
    static void backwardRow(
            long x, float mean, float rstd, long weight, float offset, boolean centred, long dy, long dx, int n) {
        long g = dy;
        if (weight != 0) {
            g = Scratch.own().row(n);
            weighted(dy, weight, offset, g, n);
        }
        float along = VectorReduce.centredDot(x, mean, g, n) * rstd / n;
        float shift = centred ? VectorReduce.sum(g, n) / n : 0;
        float slope = along * rstd;
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector rest = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).sub(mean).mul(slope);
            fromMemorySegment(FLOATS, ALL, g + 4L * i, ORDER)
                    .sub(shift)
                    .sub(rest)
                    .mul(rstd)
                    .intoMemorySegment(ALL, dx + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector rest = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail).sub(mean).mul(slope);
            fromMemorySegment(FLOATS, ALL, g + 4L * i, ORDER, tail)
                    .sub(shift)
                    .sub(rest)
                    .mul(rstd)
                    .intoMemorySegment(ALL, dx + 4L * i, ORDER, tail);
        }
    }

    private static void weighted(long dy, long weight, float offset, long g, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER)
                    .add(offset)
                    .mul(fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER))
                    .intoMemorySegment(ALL, g + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, weight + 4L * i, ORDER, tail)
                    .add(offset)
                    .mul(fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, g + 4L * i, ORDER, tail);
        }
    }

    /// Adds this row's share of the weight's gradient: `sum += dy · (x − mean) · rstd`.
    static void addWeightGradient(long x, float mean, float rstd, long dy, long sum, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).sub(mean).mul(rstd);
            normal.fma(
                            fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER),
                            fromMemorySegment(FLOATS, ALL, sum + 4L * i, ORDER))
                    .intoMemorySegment(ALL, sum + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector normal = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail).sub(mean).mul(rstd);
            normal.fma(
                            fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER, tail),
                            fromMemorySegment(FLOATS, ALL, sum + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, sum + 4L * i, ORDER, tail);
        }
    }
}
