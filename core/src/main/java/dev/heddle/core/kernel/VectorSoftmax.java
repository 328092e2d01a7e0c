package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;
import static dev.heddle.core.kernel.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Softmax and cross-entropy of one row: short loops over a row that stays in the first-level cache.
final class VectorSoftmax {
    private VectorSoftmax() {}

    /// Softmax of a row; a row of −∞ only yields zeros, a NaN makes the whole row NaN.
    static void row(long x, long y, int n) {
        float max = VectorReduce.max(x, n);
        if (max == Float.NEGATIVE_INFINITY) {
            fill(hasNaN(x, n) ? Float.NaN : 0, y, n);
            return;
        }
        float sum = exponentials(x, max, y, n);
        VectorElementwise.affine(y, 1 / sum, -0f, y, n);
    }

    /// `y[i] = exp(x[i] − max)`; returns their sum.
    private static float exponentials(long x, float max, long y, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (; i <= n - 2 * COUNT; i += 2 * COUNT) {
            FloatVector e0 = VectorMath.expFlushed(load(x + 4L * i).sub(max));
            FloatVector e1 = VectorMath.expFlushed(load(x + 4L * (i + COUNT)).sub(max));
            store(e0, y + 4L * i);
            store(e1, y + 4L * (i + COUNT));
            s0 = s0.add(e0);
            s1 = s1.add(e1);
        }
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector e = VectorMath.expFlushed(load(x + 4L * i).sub(max));
            store(e, y + 4L * i);
            s0 = s0.add(e);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector e = VectorMath.expFlushed(load(x + 4L * i, tail).sub(max));
            store(e, y + 4L * i, tail);
            s1 = s1.add(e, tail);
        }
        return Lanes.sum(s0.add(s1));
    }

    /// `Σ exp(x[i] − max)`.
    private static float sumOfExponentials(long x, float max, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (; i <= n - 2 * COUNT; i += 2 * COUNT) {
            s0 = s0.add(VectorMath.expFlushed(load(x + 4L * i).sub(max)));
            s1 = s1.add(VectorMath.expFlushed(load(x + 4L * (i + COUNT)).sub(max)));
        }
        for (; i <= n - COUNT; i += COUNT) {
            s0 = s0.add(VectorMath.expFlushed(load(x + 4L * i).sub(max)));
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            s1 = s1.add(VectorMath.expFlushed(load(x + 4L * i, tail).sub(max)), tail);
        }
        return Lanes.sum(s0.add(s1));
    }

    private static void fill(float value, long y, int n) {
        for (int i = 0; i < n; i++) {
            Native.setFloat(y + 4L * i, value);
        }
    }

    private static boolean hasNaN(long x, int n) {
        for (int i = 0; i < n; i++) {
            if (Float.isNaN(Native.getFloat(x + 4L * i))) {
                return true;
            }
        }
        return false;
    }

    /// `dx = y ∘ (dy − Σ dy·y)`.
    static void backwardRow(long y, long dy, long dx, int n) {
        float dot = VectorReduce.dot(y, dy, n);
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            store(load(dy + 4L * i).sub(dot).mul(load(y + 4L * i)), dx + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(dy + 4L * i, tail).sub(dot).mul(load(y + 4L * i, tail)), dx + 4L * i, tail);
        }
    }

    /// `ln Σ exp(x[i])`.
    static float logSumExp(long x, int n) {
        float max = VectorReduce.max(x, n);
        return max + (float) Math.log(sumOfExponentials(x, max, n));
    }

    /// The loss of one row, given its log-sum-exp.
    static float loss(long x, int target, double smoothing, float logSum, int n) {
        double likelihood = (double) logSum - Native.getFloat(x + 4L * target);
        if (smoothing == 0) {
            return (float) likelihood;
        }
        double mean = logSum - (double) VectorReduce.sum(x, n) / n;
        return (float) ((1 - smoothing) * likelihood + smoothing * mean);
    }

    /// `dx = scale · (exp(x − lse) − smoothing/n)`, and `− scale · (1 − smoothing)` at the target.
    static void lossGradient(long x, int target, float lse, double smoothing, double scale, long dx, int n) {
        float factor = (float) scale;
        float shift = (float) (-scale * smoothing / n);
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector p = VectorMath.expFlushed(load(x + 4L * i).sub(lse));
            store(p.fma(all(factor), all(shift)), dx + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector p = VectorMath.expFlushed(load(x + 4L * i, tail).sub(lse));
            store(p.fma(all(factor), all(shift)), dx + 4L * i, tail);
        }
        long at = dx + 4L * target;
        Native.setFloat(at, (float) (Native.getFloat(at) - scale * (1 - smoothing)));
    }
}
