package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The activations, `y[i] = act(x[i])`.
///
/// Every function has a loop of its own: one loop that calls a function object would box each vector.
final class VectorActivation {
    private static final float SQRT_8_OVER_PI = 1.59576912f;
    private static final float CUBIC = 0.044715f;
    private static final float QUICK = 1.702f;

    private VectorActivation() {}

    static void apply(Activation act, long x, long y, int n) {
        switch (act) {
            case RELU -> relu(x, y, n);
            case RELU2 -> relu2(x, y, n);
            case GELU -> gelu(x, y, n);
            case GELU_TANH -> geluTanh(x, y, n);
            case SILU -> silu(x, y, n);
            case QUICK_GELU -> quickGelu(x, y, n);
            case SIGMOID -> sigmoid(x, y, n);
            case IDENTITY -> Native.copy(x, y, 4L * n);
        }
    }

    private static FloatVector relu(FloatVector x) {
        return x.blend(0f, x.compare(VectorOperators.LT, 0f));
    }

    private static FloatVector relu2(FloatVector x) {
        FloatVector positive = relu(x);
        return positive.mul(positive);
    }

    private static FloatVector gelu(FloatVector x) {
        FloatVector near = VectorMath.clamp(x, -20f, 20f);
        return gate(x, VectorMath.normalCdf(near, VectorMath.normalDensity(near)));
    }

    private static FloatVector geluTanh(FloatVector x) {
        return gate(x, VectorMath.sigmoid(tanhArgument(x)));
    }

    /// Twice the argument of the tanh, since `½(1 + tanh u) = σ(2u)`.
    static FloatVector tanhArgument(FloatVector x) {
        return x.mul(x).fma(all(CUBIC), all(1f)).mul(x.mul(SQRT_8_OVER_PI));
    }

    private static FloatVector silu(FloatVector x) {
        return gate(x, VectorMath.sigmoid(x));
    }

    private static FloatVector quickGelu(FloatVector x) {
        return gate(x, VectorMath.sigmoid(x.mul(QUICK)));
    }

    private static FloatVector sigmoid(FloatVector x) {
        return VectorMath.sigmoid(x);
    }

    /// `x·p` where −∞·0 is 0, its limit.
    private static FloatVector gate(FloatVector x, FloatVector p) {
        return x.mul(p).blend(0f, x.compare(VectorOperators.LT, -110f));
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
}
