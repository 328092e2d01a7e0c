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

/// The derivatives of the activations, `y[i] = act'(x[i])`, safe for every argument up to ±∞.
final class VectorActivationSlope {
    /// Beyond this every derivative has reached its limit; larger arguments would only give 0·∞.
    private static final float SATURATED = 1e3f;

    private VectorActivationSlope() {}

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
        long g = scratch.second;
        switch (act) {
            case RELU -> relu(x, y, n);
            case RELU2 -> relu2(x, y, n);
            case GELU -> {
                VectorGaussian.density(x, e, n);
                VectorGaussian.tail(x, e, g, n);
                gelu(x, e, g, y, n);
            }
            case GELU_TANH -> {
                VectorActivation.tanhArgument(x, e, n);
                VectorExponential.decay(e, 0, 1, e, n);
                tanhSlope(x, g, n);
                logisticGate(x, e, g, y, n);
            }
            case SILU -> swish(1, scratch, x, y, n);
            case QUICK_GELU -> swish(VectorActivation.QUICK, scratch, x, y, n);
            case SIGMOID -> {
                VectorExponential.decay(x, 0, 1, e, n);
                logistic(e, y, n);
            }
            case IDENTITY -> ones(y, n);
        }
    }

    private static void relu(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            VectorMask<Float> open = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).compare(VectorOperators.GE, 0f);
            FloatVector.zero(FLOATS).blend(1f, open).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void relu2(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            a.add(a).blend(0f, a.compare(VectorOperators.LT, 0f)).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = Φ(x) + x·φ(x)`, given φ(x) and 1 − Φ(|x|).
    private static void gelu(long x, long density, long tail, long y, int n) {
        float end = VectorGaussian.END;
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector below = fromMemorySegment(FLOATS, ALL, tail + 4L * i, ORDER);
            FloatVector cdf = below.blend(one.sub(below), a.compare(VectorOperators.GE, 0f));
            a = a.blend(end, a.compare(VectorOperators.GT, end));
            a.blend(-end, a.compare(VectorOperators.LT, -end))
                    .fma(fromMemorySegment(FLOATS, ALL, density + 4L * i, ORDER), cdf)
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = x·u'(x)` for the argument u of [VectorActivation#tanhArgument].
    private static void tanhSlope(long x, long y, int n) {
        clamped(1, x, y, n);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, y + 4L * i, ORDER);
            a.mul(a)
                    .fma(broadcast(FLOATS, 3 * VectorActivation.CUBIC), broadcast(FLOATS, 1f))
                    .mul(a.mul(VectorActivation.SQRT_8_OVER_PI))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void swish(float beta, Scratch scratch, long x, long y, int n) {
        long e = scratch.first;
        long u = scratch.second;
        clamped(beta, x, u, n);
        VectorExponential.decay(u, 0, 1, e, n);
        logisticGate(x, e, u, y, n);
    }

    /// `y = scale·x`, limited to where anything still changes.
    private static void clamped(float scale, long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).mul(scale);
            a = a.blend(SATURATED, a.compare(VectorOperators.GT, SATURATED));
            a = a.blend(-SATURATED, a.compare(VectorOperators.LT, -SATURATED));
            a.intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = σ(u)·(1 + g·σ(−u))`, given `e = exp(−|u|)`; u has the sign of x.
    private static void logisticGate(long x, long e, long g, long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector decay = fromMemorySegment(FLOATS, ALL, e + 4L * i, ORDER);
            VectorMask<Float> positive =
                    fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).compare(VectorOperators.GE, 0f);
            FloatVector scale = one.div(decay.add(one));
            FloatVector down = one.blend(decay, positive).mul(scale);
            decay.blend(one, positive)
                    .mul(scale)
                    .mul(fromMemorySegment(FLOATS, ALL, g + 4L * i, ORDER).fma(down, one))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = σ(x)·σ(−x) = e/(1 + e)²`.
    private static void logistic(long e, long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector decay = fromMemorySegment(FLOATS, ALL, e + 4L * i, ORDER);
            FloatVector scale = one.div(decay.add(one));
            decay.mul(scale).mul(scale).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void ones(long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            one.intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
