package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

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
            store(load(x + 4L * i).sub(mean).mul(rstd), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(x + 4L * i, tail).sub(mean).mul(rstd), y + 4L * i, tail);
        }
    }

    private static void scaled(long x, float mean, float rstd, long weight, float offset, long y, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = load(x + 4L * i).sub(mean).mul(rstd);
            store(normal.mul(load(weight + 4L * i).add(offset)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector normal = load(x + 4L * i, tail).sub(mean).mul(rstd);
            store(normal.mul(load(weight + 4L * i, tail).add(offset)), y + 4L * i, tail);
        }
    }

    private static void scaledAndShifted(long x, float mean, float rstd, long weight, long bias, long y, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = load(x + 4L * i).sub(mean).mul(rstd);
            store(normal.fma(load(weight + 4L * i), load(bias + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector normal = load(x + 4L * i, tail).sub(mean).mul(rstd);
            store(normal.fma(load(weight + 4L * i, tail), load(bias + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    /// `dx = rstd · (g − mean(g) − x̂ · mean(g·x̂))` with `g = dy · (weight + offset)`; without the middle term unless
    /// `centred`.
    static void backwardRow(
            long x, float mean, float rstd, long weight, float offset, boolean centred, long dy, long dx, int n) {
        long g = dy;
        if (weight != 0) {
            g = Scratch.floats(n);
            weighted(dy, weight, offset, g, n);
        }
        float along = VectorReduce.centredDot(x, mean, g, n) * rstd / n;
        float shift = centred ? VectorReduce.sum(g, n) / n : 0;
        float slope = along * rstd;
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector rest = load(x + 4L * i).sub(mean).mul(slope);
            store(load(g + 4L * i).sub(shift).sub(rest).mul(rstd), dx + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector rest = load(x + 4L * i, tail).sub(mean).mul(slope);
            store(load(g + 4L * i, tail).sub(shift).sub(rest).mul(rstd), dx + 4L * i, tail);
        }
    }

    private static void weighted(long dy, long weight, float offset, long g, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            store(load(weight + 4L * i).add(offset).mul(load(dy + 4L * i)), g + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(weight + 4L * i, tail).add(offset).mul(load(dy + 4L * i, tail)), g + 4L * i, tail);
        }
    }

    /// Adds this row's share of the weight's gradient: `sum += dy · (x − mean) · rstd`.
    static void addWeightGradient(long x, float mean, float rstd, long dy, long sum, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector normal = load(x + 4L * i).sub(mean).mul(rstd);
            store(normal.fma(load(dy + 4L * i), load(sum + 4L * i)), sum + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector normal = load(x + 4L * i, tail).sub(mean).mul(rstd);
            store(normal.fma(load(dy + 4L * i, tail), load(sum + 4L * i, tail)), sum + 4L * i, tail);
        }
    }
}
