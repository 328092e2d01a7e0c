package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.all;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Elementary functions of one vector of floats, in plain arithmetic so that interpreter and compiler, and every
/// processor, give the same bits. The polynomials are minimax fits of relative error made for this library.
final class VectorMath {
    private static final float LOG2_E = 1.44269504f;
    private static final float LN2_HIGH = 0.693147182f;
    private static final float LN2_LOW = -1.90465421e-9f;

    /// Adding 1.5·2²³ rounds to an integer and leaves that integer in the low bits, which avoids the slow conversion.
    private static final float ROUNDER = 12582912f;

    private static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);
    private static final int MANTISSA_BITS = 23;
    private static final int EXPONENT_BIAS = 127;

    /// Below this the exponential is not a normal float any more.
    private static final float SMALLEST_EXPONENT = -87.33654f;

    private static final int ROOT_HALF_BITS = 0x3F3504F3;

    private static final float INVERSE_SQRT_2PI = 0.398942280f;

    private VectorMath() {}

    /// `eˣ` for x ≤ 88, within 1 ulp, where results that are not normal floats are 0. The one to use where the largest
    /// exponent is 0, as in a softmax.
    static FloatVector expFlushed(FloatVector x) {
        FloatVector shifted = x.fma(all(LOG2_E), all(ROUNDER));
        FloatVector mantissa = expReduced(x, shifted);
        IntVector power = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        FloatVector result = mantissa.reinterpretAsInts().add(power).reinterpretAsFloats();
        return result.blend(0f, x.compare(VectorOperators.LT, SMALLEST_EXPONENT));
    }

    /// `eˣ` for every x: 0 at −∞, ∞ from 88.73 on, subnormal results rounded once, NaN kept.
    static FloatVector exp(FloatVector argument) {
        FloatVector x = clamp(argument, -105f, 89f);
        FloatVector shifted = x.fma(all(LOG2_E), all(ROUNDER));
        FloatVector mantissa = expReduced(x, shifted);
        IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
        IntVector half = power.lanewise(VectorOperators.ASHR, 1);
        return mantissa.mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half)));
    }

    /// `exp(x − n·ln 2)` where n is the integer that `shifted` holds.
    private static FloatVector expReduced(FloatVector x, FloatVector shifted) {
        FloatVector n = shifted.sub(ROUNDER);
        FloatVector r = n.fma(all(-LN2_LOW), n.fma(all(-LN2_HIGH), x));
        FloatVector p = r.fma(all(0.00138138817f), all(0.00836906303f));
        p = p.fma(r, all(0.0416684225f));
        p = p.fma(r, all(0.166665182f));
        p = p.fma(r, all(0.49999994f));
        return p.fma(r.mul(r), r).add(1f);
    }

    private static FloatVector powerOfTwo(IntVector n) {
        return n.add(EXPONENT_BIAS).lanewise(VectorOperators.LSHL, MANTISSA_BITS).reinterpretAsFloats();
    }

    /// x limited to low … high; NaN is kept.
    static FloatVector clamp(FloatVector x, float low, float high) {
        FloatVector below = x.blend(high, x.compare(VectorOperators.GT, high));
        return below.blend(low, below.compare(VectorOperators.LT, low));
    }

    /// `ln x` within 1 ulp: −∞ at 0, NaN below.
    static FloatVector log(FloatVector x) {
        VectorMask<Float> subnormal = x.compare(VectorOperators.LT, Float.MIN_NORMAL);
        IntVector bits = x.blend(x.mul(0x1p23f), subnormal).reinterpretAsInts();
        IntVector fromRootHalf = bits.sub(ROOT_HALF_BITS);
        FloatVector exponent =
                (FloatVector)
                        fromRootHalf
                                .lanewise(VectorOperators.ASHR, MANTISSA_BITS)
                                .convertShape(VectorOperators.I2F, Lanes.FLOATS, 0);
        exponent = exponent.blend(exponent.sub(MANTISSA_BITS), subnormal);
        FloatVector f = fromRootHalf.and(0x7FFFFF).add(ROOT_HALF_BITS).reinterpretAsFloats().sub(1f);
        FloatVector result = logReduced(f, exponent);
        result = result.blend(Float.NEGATIVE_INFINITY, x.compare(VectorOperators.EQ, 0f));
        result = result.blend(x, x.compare(VectorOperators.EQ, Float.POSITIVE_INFINITY));
        return result.blend(Float.NaN, x.compare(VectorOperators.LT, 0f).or(x.test(VectorOperators.IS_NAN)));
    }

    /// `ln(1 + f) + exponent·ln 2` for √½ ≤ 1 + f < √2.
    private static FloatVector logReduced(FloatVector f, FloatVector exponent) {
        FloatVector p = f.fma(all(-0.0763463527f), all(0.127616495f));
        p = p.fma(f, all(-0.131601602f));
        p = p.fma(f, all(0.142017454f));
        p = p.fma(f, all(-0.166233584f));
        p = p.fma(f, all(0.200012282f));
        p = p.fma(f, all(-0.250008196f));
        p = p.fma(f, all(0.333333313f));
        FloatVector square = f.mul(f);
        FloatVector r = exponent.fma(all(LN2_LOW), p.mul(f).mul(square));
        r = square.fma(all(-0.5f), r).add(f);
        return exponent.fma(all(LN2_HIGH), r);
    }

    /// `σ(x)`, to 2 ulp in both tails until its result is no normal float.
    static FloatVector sigmoid(FloatVector x) {
        FloatVector e = expFlushed(x.abs().neg());
        return e.blend(1f, x.compare(VectorOperators.GE, 0f)).div(e.add(1f));
    }

    /// `tanh x`, to 2 ulp.
    static FloatVector tanh(FloatVector x) {
        FloatVector size = x.abs();
        FloatVector e = expFlushed(size.mul(-2f));
        FloatVector large = e.neg().add(1f).div(e.add(1f));
        large = large.blend(large.neg(), x.compare(VectorOperators.LT, 0f));
        FloatVector z = x.mul(x);
        FloatVector p = z.fma(all(-0.00564831682f), all(0.0205898266f));
        p = p.fma(z, all(-0.0537251271f));
        p = p.fma(z, all(0.133312747f));
        p = p.fma(z, all(-0.333332747f));
        FloatVector small = p.fma(z.mul(x), x);
        return large.blend(small, size.compare(VectorOperators.LT, 0.625f));
    }

    /// The normal density φ(x); x² is split so that its rounding is not magnified. |x| ≤ 1e3.
    static FloatVector normalDensity(FloatVector x) {
        FloatVector square = x.mul(x);
        FloatVector rest = x.fma(x, square.neg());
        FloatVector e = expFlushed(square.mul(-0.5f)).mul(INVERSE_SQRT_2PI);
        return e.fma(rest.mul(-0.5f), e);
    }

    /// The normal distribution function Φ(x), given φ(x): `1 − Φ(a) = φ(a)·t·P(t)`, t = 1/(1 + 0.3 a), for a = |x| up
    /// to 14, where φ ends. Relative error 4e-7, also in the lower tail.
    static FloatVector normalCdf(FloatVector x, FloatVector density) {
        FloatVector t = all(1f).div(x.abs().fma(all(0.3f), all(1f)));
        FloatVector p = t.fma(all(0.0894234106f), all(-0.394049764f));
        p = p.fma(t, all(0.51725167f));
        p = p.fma(t, all(-0.13456504f));
        p = p.fma(t, all(0.322256267f));
        p = p.fma(t, all(0.250445962f));
        p = p.fma(t, all(0.302685291f));
        p = p.fma(t, all(0.29986617f));
        FloatVector tail = density.mul(t).mul(p);
        return tail.blend(tail.neg().add(1f), x.compare(VectorOperators.GE, 0f));
    }
}
