package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.heddle.core.kernel.Kernels.Unary;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The elementary functions, each within 2 ulp for every argument, in plain arithmetic (see [VectorExponential]); the
/// polynomials are minimax fits made for this library. One loop a function: one loop that called a function object
/// would box each vector.
final class VectorUnary {
    private static final int ROUNDER_BITS = Float.floatToRawIntBits(VectorExponential.ROUNDER);
    private static final int EXPONENT_BIAS = 127;
    private static final int ROOT_HALF_BITS = 0x3F3504F3;
    private static final int MANTISSA_MASK = 0x7FFFFF;

    private VectorUnary() {}

    static void apply(Unary op, long x, long y, int n) {
        int whole = n - n % COUNT;
        vectors(op, x, y, whole);
        if (whole < n) {
            long tail = Scratch.own().tail;
            Lanes.pad(x + 4L * whole, n - whole, tail);
            vectors(op, tail, tail, COUNT);
            Lanes.unpad(tail, y + 4L * whole, n - whole);
        }
    }

    private static void vectors(Unary op, long x, long y, int n) {
        switch (op) {
            case EXP -> exp(x, y, n);
            case LOG -> log(x, y, n);
            case SQRT -> sqrt(x, y, n);
            case TANH -> tanh(x, y, n);
            case NEGATE -> negate(x, y, n);
            case SQUARE -> VectorElementwise.multiply(x, x, y, n);
            case RECIPROCAL -> reciprocal(x, y, n);
        }
    }

    /// 0 at −∞, ∞ from 88.73 on; 2ⁿ is applied in two halves, so that subnormal results are rounded once.
    private static void exp(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            a = a.blend(89f, a.compare(VectorOperators.GT, 89f));
            a = a.blend(-105f, a.compare(VectorOperators.LT, -105f));
            FloatVector shifted =
                    a.fma(broadcast(FLOATS, VectorExponential.LOG2_E), broadcast(FLOATS, VectorExponential.ROUNDER));
            FloatVector k = shifted.sub(VectorExponential.ROUNDER);
            FloatVector r = k.fma(broadcast(FLOATS, -VectorExponential.LN2_HIGH), a);
            r = k.fma(broadcast(FLOATS, -VectorExponential.LN2_LOW), r);
            FloatVector p = r.fma(broadcast(FLOATS, VectorExponential.C6), broadcast(FLOATS, VectorExponential.C5));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C4));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C3));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C2));
            p = p.fma(r.mul(r), r).add(1f);
            IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
            IntVector half = power.lanewise(VectorOperators.ASHR, 1);
            IntVector rest = power.sub(half).add(EXPONENT_BIAS);
            half = half.add(EXPONENT_BIAS);
            p.mul(half.lanewise(VectorOperators.LSHL, VectorExponential.MANTISSA_BITS).reinterpretAsFloats())
                    .mul(rest.lanewise(VectorOperators.LSHL, VectorExponential.MANTISSA_BITS).reinterpretAsFloats())
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// −∞ at 0, NaN below. The argument is 2ᵉ·(1 + f) with √½ ≤ 1 + f < √2.
    private static void log(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            VectorMask<Float> subnormal = a.compare(VectorOperators.LT, Float.MIN_NORMAL);
            IntVector bits = a.blend(a.mul(0x1p23f), subnormal).reinterpretAsInts().sub(ROOT_HALF_BITS);
            FloatVector e =
                    (FloatVector)
                            bits.lanewise(VectorOperators.ASHR, VectorExponential.MANTISSA_BITS)
                                    .convertShape(VectorOperators.I2F, FLOATS, 0);
            e = e.blend(e.sub(VectorExponential.MANTISSA_BITS), subnormal);
            FloatVector f = bits.and(MANTISSA_MASK).add(ROOT_HALF_BITS).reinterpretAsFloats().sub(1f);
            FloatVector p = f.fma(broadcast(FLOATS, -0.0763463527f), broadcast(FLOATS, 0.127616495f));
            p = p.fma(f, broadcast(FLOATS, -0.131601602f));
            p = p.fma(f, broadcast(FLOATS, 0.142017454f));
            p = p.fma(f, broadcast(FLOATS, -0.166233584f));
            p = p.fma(f, broadcast(FLOATS, 0.200012282f));
            p = p.fma(f, broadcast(FLOATS, -0.250008196f));
            p = p.fma(f, broadcast(FLOATS, 0.333333313f));
            FloatVector square = f.mul(f);
            FloatVector r = e.fma(broadcast(FLOATS, VectorExponential.LN2_LOW), p.mul(f).mul(square));
            r = square.fma(broadcast(FLOATS, -0.5f), r).add(f);
            r = e.fma(broadcast(FLOATS, VectorExponential.LN2_HIGH), r);
            r = r.blend(Float.NEGATIVE_INFINITY, a.compare(VectorOperators.EQ, 0f));
            r = r.blend(Float.POSITIVE_INFINITY, a.compare(VectorOperators.EQ, Float.POSITIVE_INFINITY));
            r = r.blend(Float.NaN, a.compare(VectorOperators.LT, 0f).or(a.test(VectorOperators.IS_NAN)));
            r.intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `(1 − e)/(1 + e)`, e = exp(−2|x|), and a polynomial where that would cancel.
    private static void tanh(long x, long y, int n) {
        long e = Scratch.own().first;
        for (int i = 0; i < n; i += Lanes.CHUNK) {
            int size = Math.min(Lanes.CHUNK, n - i);
            VectorExponential.decay(x + 4L * i, 0, 2, e, size);
            tanh(x + 4L * i, e, y + 4L * i, size);
        }
    }

    private static void tanh(long x, long decay, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector e = fromMemorySegment(FLOATS, ALL, decay + 4L * i, ORDER);
            FloatVector large = e.neg().add(1f).div(e.add(1f));
            large = large.blend(large.neg(), a.compare(VectorOperators.LT, 0f));
            FloatVector z = a.mul(a);
            FloatVector p = z.fma(broadcast(FLOATS, -0.00564831682f), broadcast(FLOATS, 0.0205898266f));
            p = p.fma(z, broadcast(FLOATS, -0.0537251271f));
            p = p.fma(z, broadcast(FLOATS, 0.133312747f));
            p = p.fma(z, broadcast(FLOATS, -0.333332747f));
            FloatVector small = p.fma(z.mul(a), a);
            large.blend(small, a.abs().compare(VectorOperators.LT, 0.625f)).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void sqrt(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER)
                    .lanewise(VectorOperators.SQRT)
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void negate(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).neg().intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    private static void reciprocal(long x, long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            one.div(fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER)).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
