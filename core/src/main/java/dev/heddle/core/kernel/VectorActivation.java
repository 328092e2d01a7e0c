package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// The activations, `y[i] = act(x[i])`, safe for every argument up to ±∞; NaN stays NaN.
///
/// With e = exp(−|u|): `σ(u) = 1/(1 + e)` for u ≥ 0 and `e/(1 + e)` below, accurate in both tails and never ∞/∞.
final class VectorActivation {
    static final float SQRT_8_OVER_PI = 1.59576912f;
    static final float CUBIC = 0.044715f;
    static final float QUICK = 1.702f;

    /// Below this every gated activation is 0, also where −∞·0 would be NaN.
    private static final float DEAD = -110f;

    private VectorActivation() {}

    static void apply(Activation act, long x, long y, int n) {
        Scratch scratch = Scratch.own();
        int whole = n - n % COUNT;
        for (int i = 0; i < whole; i += Lanes.CHUNK) {
            chunk(act, scratch, x + 4L * i, y + 4L * i, Math.min(Lanes.CHUNK, whole - i));
        }
        if (whole < n) {
            long tail = scratch.tail;
            Lanes.pad(x + 4L * whole, n - whole, tail);
            chunk(act, scratch, tail, tail, COUNT);
            Lanes.unpad(tail, y + 4L * whole, n - whole);
        }
    }

    private static void chunk(Activation act, Scratch scratch, long x, long y, int n) {
        long e = scratch.first;
        switch (act) {
            case RELU -> relu(x, y, n);
            case RELU2 -> relu2(x, y, n);
            case GELU -> {
                VectorGaussian.density(x, e, n);
                VectorGaussian.tail(x, e, e, n);
                gelu(x, e, y, n);
            }
            case GELU_TANH -> {
                tanhArgument(x, e, n);
                VectorExponential.decay(e, 0, 1, e, n);
                logisticGate(x, e, y, n);
            }
            case SILU -> {
                VectorExponential.decay(x, 0, 1, e, n);
                logisticGate(x, e, y, n);
            }
            case QUICK_GELU -> {
                VectorExponential.decay(x, 0, QUICK, e, n);
                logisticGate(x, e, y, n);
            }
            case SIGMOID -> {
                VectorExponential.decay(x, 0, 1, e, n);
                logistic(x, e, y, n);
            }
            case IDENTITY -> Native.copy(x, y, 4L * n);
        }
    }

    private static void relu(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            a.blend(0f, a.compare(VectorOperators.LT, 0f)).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void relu2(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            a = a.blend(0f, a.compare(VectorOperators.LT, 0f));
            a.mul(a).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = x·Φ(x) = max(0, x) − |x|·(1 − Φ(|x|))`.
    private static void gelu(long x, long tail, long y, int n) {
        float end = VectorGaussian.END;
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector size = a.abs();
            size.blend(end, size.compare(VectorOperators.GT, end))
                    .neg()
                    .fma(
                            fromMemorySegment(FLOATS, ALL, tail + 4L * i, ORDER),
                            a.blend(0f, a.compare(VectorOperators.LT, 0f)))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// Twice the argument of the tanh, since `½(1 + tanh u) = σ(2u)`.
    static void tanhArgument(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            a.mul(a)
                    .fma(broadcast(FLOATS, CUBIC), broadcast(FLOATS, 1f))
                    .mul(a.mul(SQRT_8_OVER_PI))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = x·σ(u)`, given `e = exp(−|u|)`; u has the sign of x.
    private static void logisticGate(long x, long e, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector decay = fromMemorySegment(FLOATS, ALL, e + 4L * i, ORDER);
            a.mul(decay.blend(1f, a.compare(VectorOperators.GE, 0f)).div(decay.add(1f)))
                    .blend(0f, a.compare(VectorOperators.LT, DEAD))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void logistic(long x, long e, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector decay = fromMemorySegment(FLOATS, ALL, e + 4L * i, ORDER);
            decay.blend(1f, a.compare(VectorOperators.GE, 0f))
                    .div(decay.add(1f))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
