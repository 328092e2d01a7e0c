package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The derivatives of the activations, `y[i] = act'(x[i])`.
///
/// Every function has a loop of its own: one loop that calls a function object would box each vector.
final class VectorActivationSlope {
    private static final float SQRT_8_OVER_PI = 1.59576912f;
    private static final float CUBIC = 0.044715f;
    private static final float QUICK = 1.702f;

    /// Beyond this every derivative has reached its limit; larger arguments would only give 0·∞.
    private static final float SATURATED = 1e3f;

    private VectorActivationSlope() {}

    static void apply(Activation act, long x, long y, int n) {
        switch (act) {
            case RELU -> relu(x, y, n);
            case RELU2 -> relu2(x, y, n);
            case GELU -> gelu(x, y, n);
            case GELU_TANH -> geluTanh(x, y, n);
            case SILU -> silu(x, y, n);
            case QUICK_GELU -> quickGelu(x, y, n);
            case SIGMOID -> sigmoid(x, y, n);
            case IDENTITY -> ones(y, n);
        }
    }

    private static FloatVector relu(FloatVector x) {
        return Lanes.zero().blend(1f, x.compare(VectorOperators.GT, 0f));
    }

    private static FloatVector relu2(FloatVector x) {
        return x.add(x).blend(0f, x.compare(VectorOperators.LT, 0f));
    }

    private static FloatVector gelu(FloatVector argument) {
        FloatVector x = VectorMath.clamp(argument, -20f, 20f);
        FloatVector density = VectorMath.normalDensity(x);
        return x.fma(density, VectorMath.normalCdf(x, density));
    }

    private static FloatVector geluTanh(FloatVector argument) {
        FloatVector x = VectorMath.clamp(argument, -SATURATED, SATURATED);
        FloatVector slope = x.mul(x).fma(all(3 * CUBIC), all(1f)).mul(SQRT_8_OVER_PI);
        return logistic(VectorActivation.tanhArgument(x), x.mul(slope));
    }

    private static FloatVector silu(FloatVector argument) {
        FloatVector x = VectorMath.clamp(argument, -SATURATED, SATURATED);
        return logistic(x, x);
    }

    private static FloatVector quickGelu(FloatVector argument) {
        FloatVector x = VectorMath.clamp(argument, -SATURATED, SATURATED).mul(QUICK);
        return logistic(x, x);
    }

    /// `σ(u)·(1 + g·σ(−u))`, both σ from one exponential.
    private static FloatVector logistic(FloatVector u, FloatVector g) {
        FloatVector e = VectorMath.expFlushed(u.abs().neg());
        FloatVector scale = all(1f).div(e.add(1f));
        VectorMask<Float> positive = u.compare(VectorOperators.GE, 0f);
        FloatVector up = e.blend(1f, positive).mul(scale);
        FloatVector down = all(1f).blend(e, positive).mul(scale);
        return up.mul(g.fma(down, all(1f)));
    }

    private static FloatVector sigmoid(FloatVector x) {
        FloatVector e = VectorMath.expFlushed(x.abs().neg());
        FloatVector scale = all(1f).div(e.add(1f));
        return e.mul(scale).mul(scale);
    }

    private static void relu(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(relu(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(relu(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void relu2(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(relu2(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(relu2(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void gelu(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(gelu(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(gelu(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void geluTanh(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(geluTanh(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(geluTanh(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void silu(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(silu(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(silu(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void quickGelu(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(quickGelu(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(quickGelu(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void sigmoid(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(sigmoid(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(sigmoid(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void ones(long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(all(1f), y + 4L * i);
        }
        if (i < n) {
            store(all(1f), y + 4L * i, first(n - i));
        }
    }
}
