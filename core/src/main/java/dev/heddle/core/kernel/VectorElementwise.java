package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// The element-wise loops over one thread's share. One loop an operation, for the reason given at [VectorUnary].
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

    static void add(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .add(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .add(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    static void subtract(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .sub(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .sub(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    static void multiply(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .mul(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    static void divide(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .div(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .div(fromMemorySegment(FLOATS, ALL, b + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    /// `out = scale · a + shift`, rounded once.
    static void affine(long a, float scale, float shift, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .fma(broadcast(FLOATS, scale), broadcast(FLOATS, shift))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .fma(broadcast(FLOATS, scale), broadcast(FLOATS, shift))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    /// `out += scale · a`.
    static void accumulate(long a, float scale, long out, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER)
                    .fma(broadcast(FLOATS, scale), fromMemorySegment(FLOATS, ALL, out + 4L * i, ORDER))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            fromMemorySegment(FLOATS, ALL, a + 4L * i, ORDER, tail)
                    .fma(broadcast(FLOATS, scale), fromMemorySegment(FLOATS, ALL, out + 4L * i, ORDER, tail))
                    .intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
        }
    }

    /// `dGate = slope · up · dy`, `dUp = value · dy`; the outputs may be `up`.
    static void gatedBackward(long value, long slope, long up, long dy, long dGate, long dUp, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector d = fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER);
            FloatVector gate =
                    fromMemorySegment(FLOATS, ALL, slope + 4L * i, ORDER)
                            .mul(fromMemorySegment(FLOATS, ALL, up + 4L * i, ORDER))
                            .mul(d);
            fromMemorySegment(FLOATS, ALL, value + 4L * i, ORDER).mul(d).intoMemorySegment(ALL, dUp + 4L * i, ORDER);
            gate.intoMemorySegment(ALL, dGate + 4L * i, ORDER);
        }
        if (i < n) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, n);
            FloatVector d = fromMemorySegment(FLOATS, ALL, dy + 4L * i, ORDER, tail);
            FloatVector gate =
                    fromMemorySegment(FLOATS, ALL, slope + 4L * i, ORDER, tail)
                            .mul(fromMemorySegment(FLOATS, ALL, up + 4L * i, ORDER, tail))
                            .mul(d);
            fromMemorySegment(FLOATS, ALL, value + 4L * i, ORDER, tail)
                    .mul(d)
                    .intoMemorySegment(ALL, dUp + 4L * i, ORDER, tail);
            gate.intoMemorySegment(ALL, dGate + 4L * i, ORDER, tail);
        }
    }
}
