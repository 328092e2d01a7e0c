package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// The normal density and distribution function of whole vectors, also accurate in the lower tail.
final class VectorGaussian {
    private static final float INVERSE_SQRT_2PI = 0.398942280f;

    /// Beyond this the density is no float any more.
    static final float END = 20;

    private VectorGaussian() {}

    /// `y = φ(x)`. The exponential magnifies the rounding error of a large square, so that error is multiplied back in.
    static void density(long x, long y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).abs();
            a = a.blend(END, a.compare(VectorOperators.GT, END));
            a.mul(a).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
        VectorExponential.decay(y, 0, 0.5f, y, n);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).abs();
            a = a.blend(END, a.compare(VectorOperators.GT, END));
            FloatVector rest = a.fma(a, a.mul(a).neg()).mul(-0.5f);
            FloatVector e = fromMemorySegment(FLOATS, ALL, y + 4L * i, ORDER).mul(INVERSE_SQRT_2PI);
            e.fma(rest, e).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }

    /// `y = Φ(x)`, given φ(x): `1 − Φ(a) = φ(a)·t·P(t)`, t = 1/(1 + 0.3 a), a minimax fit for 0 ≤ a ≤ 14, after which
    /// φ is 0. Relative error 4e-7.
    static void cdf(long x, long density, long y, int n) {
        FloatVector one = broadcast(FLOATS, 1f);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector size = a.abs();
            size = size.blend(END, size.compare(VectorOperators.GT, END));
            FloatVector t = one.div(size.fma(broadcast(FLOATS, 0.3f), one));
            FloatVector p = t.fma(broadcast(FLOATS, 0.0894234106f), broadcast(FLOATS, -0.394049764f));
            p = p.fma(t, broadcast(FLOATS, 0.51725167f));
            p = p.fma(t, broadcast(FLOATS, -0.13456504f));
            p = p.fma(t, broadcast(FLOATS, 0.322256267f));
            p = p.fma(t, broadcast(FLOATS, 0.250445962f));
            p = p.fma(t, broadcast(FLOATS, 0.302685291f));
            p = p.fma(t, broadcast(FLOATS, 0.29986617f));
            FloatVector tail = fromMemorySegment(FLOATS, ALL, density + 4L * i, ORDER).mul(t).mul(p);
            tail.blend(one.sub(tail), a.compare(VectorOperators.GE, 0f)).intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
