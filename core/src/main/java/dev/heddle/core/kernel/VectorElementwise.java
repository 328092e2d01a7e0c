package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The element-wise loops over one thread's share. One loop an operation, for the reason given at [VectorActivation].
final class VectorElementwise {
    private VectorElementwise() {}

    static void binary(Kernels.Binary op, long a, long b, long out, int n) {
        switch (op) {
            case ADD -> add(a, b, out, n);
            case SUBTRACT -> subtract(a, b, out, n);
            case MULTIPLY -> multiply(a, b, out, n);
            case DIVIDE -> divide(a, b, out, n);
        }
    }

    static void unary(Kernels.Unary op, long x, long y, int n) {
        switch (op) {
            case EXP -> exp(x, y, n);
            case LOG -> log(x, y, n);
            case SQRT -> sqrt(x, y, n);
            case TANH -> tanh(x, y, n);
            case NEGATE -> affine(x, -1f, -0f, y, n);
            case SQUARE -> multiply(x, x, y, n);
            case RECIPROCAL -> reciprocal(x, y, n);
        }
    }

    static void add(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).add(load(b + 4L * i)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).add(load(b + 4L * i, tail)), out + 4L * i, tail);
        }
    }

    static void subtract(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).sub(load(b + 4L * i)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).sub(load(b + 4L * i, tail)), out + 4L * i, tail);
        }
    }

    static void multiply(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).mul(load(b + 4L * i)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).mul(load(b + 4L * i, tail)), out + 4L * i, tail);
        }
    }

    static void divide(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).div(load(b + 4L * i)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).div(load(b + 4L * i, tail)), out + 4L * i, tail);
        }
    }

    /// `out = scale · a + shift`, rounded once.
    static void affine(long a, float scale, float shift, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).fma(all(scale), all(shift)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).fma(all(scale), all(shift)), out + 4L * i, tail);
        }
    }

    /// `out += scale · a`.
    static void accumulate(long a, float scale, long out, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(a + 4L * i).fma(all(scale), load(out + 4L * i)), out + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(a + 4L * i, tail).fma(all(scale), load(out + 4L * i, tail)), out + 4L * i, tail);
        }
    }

    /// `dGate = slope · up · dy`, `dUp = value · dy`; the outputs may be `up`.
    static void gatedBackward(long value, long slope, long up, long dy, long dGate, long dUp, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector d = load(dy + 4L * i);
            FloatVector gate = load(slope + 4L * i).mul(load(up + 4L * i)).mul(d);
            store(load(value + 4L * i).mul(d), dUp + 4L * i);
            store(gate, dGate + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector d = load(dy + 4L * i, tail);
            FloatVector gate = load(slope + 4L * i, tail).mul(load(up + 4L * i, tail)).mul(d);
            store(load(value + 4L * i, tail).mul(d), dUp + 4L * i, tail);
            store(gate, dGate + 4L * i, tail);
        }
    }

    private static void exp(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(VectorMath.exp(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(VectorMath.exp(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void log(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(VectorMath.log(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(VectorMath.log(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void tanh(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(VectorMath.tanh(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(VectorMath.tanh(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }

    private static void sqrt(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(load(x + 4L * i).lanewise(VectorOperators.SQRT), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(load(x + 4L * i, tail).lanewise(VectorOperators.SQRT), y + 4L * i, tail);
        }
    }

    private static void reciprocal(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            store(all(1f).div(load(x + 4L * i)), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            store(all(1f).div(load(x + 4L * i, tail)), y + 4L * i, tail);
        }
    }
}
