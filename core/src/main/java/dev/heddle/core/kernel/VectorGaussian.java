package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The normal density and distribution function of whole vectors, also accurate in the lower tail.
final class VectorGaussian {
    private static final float INVERSE_SQRT_2PI = 0.398942280f;

    /// Beyond this the density is no normal float any more.
    static final float END = 13.2165f;

    private VectorGaussian() {}

    /// `y = φ(x)`, 0 beyond [#END]. The exponential (as in [VectorExponential]) magnifies the rounding error of a large
    /// square, so that error is taken off its reduced argument.
    static void density(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).abs();
            FloatVector square = a.mul(a);
            FloatVector rest = a.fma(a, square.neg());
            FloatVector shifted =
                    square.fma(
                            broadcast(FLOATS, -0.5f * VectorExponential.LOG2_E),
                            broadcast(FLOATS, VectorExponential.ROUNDER));
            FloatVector k = shifted.sub(VectorExponential.ROUNDER);
            FloatVector r = k.fma(broadcast(FLOATS, -VectorExponential.LN2_HIGH), square.mul(-0.5f));
            r = k.fma(broadcast(FLOATS, -VectorExponential.LN2_LOW), rest.fma(broadcast(FLOATS, -0.5f), r));
            FloatVector p = r.fma(broadcast(FLOATS, VectorExponential.C6), broadcast(FLOATS, VectorExponential.C5));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C4));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C3));
            p = p.fma(r, broadcast(FLOATS, VectorExponential.C2));
            p = p.fma(r.mul(r), r).add(1f);
            IntVector power =
                    shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, VectorExponential.MANTISSA_BITS);
            p.reinterpretAsInts()
                    .add(power)
                    .reinterpretAsFloats()
                    .mul(INVERSE_SQRT_2PI)
                    .blend(0f, a.compare(VectorOperators.GT, END))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = 1 − Φ(|x|) = φ(x)·t·P(t)`, given φ(x), with t = 1/(1 + 0.3 |x|): a minimax fit for |x| ≤ 14, after which φ is
    /// 0. Relative error 4e-7.
    static void tail(long x, long density, long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector t =
                    one.div(fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).abs().fma(broadcast(FLOATS, 0.3f), one));
            FloatVector p = t.fma(broadcast(FLOATS, 0.0894234106f), broadcast(FLOATS, -0.394049764f));
            p = p.fma(t, broadcast(FLOATS, 0.51725167f));
            p = p.fma(t, broadcast(FLOATS, -0.13456504f));
            p = p.fma(t, broadcast(FLOATS, 0.322256267f));
            p = p.fma(t, broadcast(FLOATS, 0.250445962f));
            p = p.fma(t, broadcast(FLOATS, 0.302685291f));
            p = p.fma(t, broadcast(FLOATS, 0.29986617f));
            fromMemorySegment(FLOATS, ALL, density + 4L * i, ORDER)
                    .mul(t)
                    .mul(p)
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
