package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

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
        VectorExponential.decay(x, max, 1, y, n);
        VectorElementwise.affine(y, 1 / VectorReduce.sum(y, n), -0f, y, n);
    }

    /// `Σ exp(x[i] − max)`.
    private static float sumOfExponentials(long x, float max, int n) {
        long e = Scratch.own().first;
        float sum = 0;
        for (int i = 0; i < n; i += Lanes.CHUNK) {
            int size = Math.min(Lanes.CHUNK, n - i);
            VectorExponential.decay(x + 4L * i, max, 1, e, size);
            sum += VectorReduce.sum(e, size);
        }
        return sum;
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
            fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER)
                    .sub(dot)
                    .mul(fromMemorySegment(FLOATS, ALL, y + 4L * i, ORDER))
                    .intoMemorySegment(ALL, dx + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER, tail)
                    .sub(dot)
                    .mul(fromMemorySegment(FLOATS, ALL, y + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, dx + 4L * i, ORDER, tail);
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
        VectorExponential.decay(x, lse, 1, dx, n);
        VectorElementwise.affine(dx, (float) scale, (float) (-scale * smoothing / n), dx, n);
        long at = dx + 4L * target;
        Native.setFloat(at, (float) (Native.getFloat(at) - scale * (1 - smoothing)));
    }
}
