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

/// The exponential that softmax and the logistic functions are made of, within 1 ulp.
///
/// Plain arithmetic, so that interpreter and compiler, and every processor, give the same bits. Reduction to
/// |r| ≤ ½ ln 2: adding 1.5·2²³ rounds to an integer and leaves it in the low bits, which avoids the slow conversion;
/// shifting those bits builds 2ⁿ. The polynomial is a minimax fit of relative error 3e-9 made for this library.
final class VectorExponential {
    static final float LOG2_E = 1.44269504f;
    static final float LN2_HIGH = 0.693147182f;
    static final float LN2_LOW = -1.90465421e-9f;
    static final float ROUNDER = 12582912f;
    static final int MANTISSA_BITS = 23;

    static final float C2 = 0.49999994f;
    static final float C3 = 0.166665182f;
    static final float C4 = 0.0416684225f;
    static final float C5 = 0.00836906303f;
    static final float C6 = 0.00138138817f;

    /// Below this the exponential is not a normal float any more.
    private static final float SMALLEST_EXPONENT = -87.33654f;

    private VectorExponential() {}

    /// `y[i] = exp(−scale·|x[i] − shift|)`; results that are not normal floats are 0, NaN is kept.
    static void decay(long x, float shift, float scale, long y, int n) {
        int whole = n - n % COUNT;
        vectors(x, shift, scale, y, whole);
        if (whole < n) {
            long tail = Scratch.own().tail;
            Lanes.pad(x + 4L * whole, n - whole, tail);
            vectors(tail, shift, scale, tail, COUNT);
            Lanes.unpad(tail, y + 4L * whole, n - whole);
        }
    }

    private static void vectors(long x, float shift, float scale, long y, int n) {
        FloatVector lowest = broadcast(FLOATS, SMALLEST_EXPONENT);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER).sub(shift).abs().mul(-scale);
            FloatVector shifted = a.fma(broadcast(FLOATS, LOG2_E), broadcast(FLOATS, ROUNDER));
            FloatVector k = shifted.sub(ROUNDER);
            FloatVector r = k.fma(broadcast(FLOATS, -LN2_LOW), k.fma(broadcast(FLOATS, -LN2_HIGH), a));
            FloatVector p = r.fma(broadcast(FLOATS, C6), broadcast(FLOATS, C5));
            p = p.fma(r, broadcast(FLOATS, C4));
            p = p.fma(r, broadcast(FLOATS, C3));
            p = p.fma(r, broadcast(FLOATS, C2));
            p = p.fma(r.mul(r), r).add(1f);
            IntVector power = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
            p.reinterpretAsInts()
                    .add(power)
                    .reinterpretAsFloats()
                    .blend(0f, a.compare(VectorOperators.LT, lowest))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
    }
}
