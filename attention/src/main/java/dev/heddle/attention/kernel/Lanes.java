package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import java.nio.ByteOrder;

/// The vector width of the attention kernels, and the few functions they all use. Only classes that run when the Vector
/// API is present may touch it.
public final class Lanes {
    /// The vectors of floats.
    public static final VectorSpecies<Float> FLOATS = species();

    static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

    /// Floats in a vector.
    public static final int COUNT = FLOATS.length();

    static final float LOG2_E = 1.44269504f;
    static final double LN_2 = Math.log(2);

    /// Adding 1.5·2²³ leaves the nearest integer in the low bits of a float; 127 more makes it the exponent's code.
    static final float ROUND = 12_582_912f + 127f;

    /// Powers below this one are 0.
    static final float LOWEST = -127f;

    // The minimax polynomial of 2^x on [−½, ½] in relative error, 1 at 0.
    static final float C1 = 0.6931469775797929f;
    static final float C2 = 0.24022242047360695f;
    static final float C3 = 0.055507337520036094f;
    static final float C4 = 0.009671514562983183f;
    static final float C5 = 0.001326472948698212f;

    private Lanes() {}

    private static VectorSpecies<Float> species() {
        Integer bits = Integer.getInteger("heddle.vector.bits");
        return bits == null
                ? FloatVector.SPECIES_PREFERRED
                : VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
    }

    /// The vector at an address.
    public static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(FLOATS, Native.ALL, address, ByteOrder.nativeOrder());
    }

    /// Writes a vector to an address.
    public static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(Native.ALL, address, ByteOrder.nativeOrder());
    }

    /// `size` rounded up to whole groups of 16: rows of this many floats are whole vectors at every width.
    static int padded(int size) {
        return (size + 15) & -16;
    }

    /// The sum of one vector's lanes, stored from `at` on, in an order of our own: that of `reduceLanes` is unspecified
    /// and changes when a method is compiled, and with it the last bits.
    public static float sum(float[] lanes, int at) {
        float sum = four(lanes, at);
        for (int n = 4; n < COUNT; n += 4) {
            sum += four(lanes, at + n);
        }
        return sum;
    }

    private static float four(float[] lanes, int at) {
        return (lanes[at] + lanes[at + 2]) + (lanes[at + 1] + lanes[at + 3]);
    }

    /// `2^x` to a relative error of 1e-7 for x ≤ 127; exactly 1 at 0, exactly 0 below −127 and at −∞.
    static FloatVector exp2(FloatVector value) {
        FloatVector x = value.blend(LOWEST, value.compare(VectorOperators.LT, LOWEST));
        FloatVector rounded = x.add(ROUND);
        FloatVector f = x.sub(rounded.sub(ROUND));
        FloatVector p = f.fma(FloatVector.broadcast(FLOATS, C5), FloatVector.broadcast(FLOATS, C4));
        p = p.fma(f, FloatVector.broadcast(FLOATS, C3));
        p = p.fma(f, FloatVector.broadcast(FLOATS, C2));
        p = p.fma(f, FloatVector.broadcast(FLOATS, C1));
        p = p.fma(f, FloatVector.broadcast(FLOATS, 1f));
        IntVector power = rounded.viewAsIntegralLanes().lanewise(VectorOperators.LSHL, 23);
        return p.mul(power.viewAsFloatingLanes());
    }

    /// `tanh x` to an absolute error of 2e-7.
    static FloatVector tanh(FloatVector x) {
        FloatVector e = exp2(x.lanewise(VectorOperators.ABS).mul(-2 * LOG2_E));
        FloatVector one = FloatVector.broadcast(FLOATS, 1f);
        FloatVector size = one.sub(e).div(one.add(e));
        return size.blend(size.neg(), x.compare(VectorOperators.LT, 0f));
    }
}
