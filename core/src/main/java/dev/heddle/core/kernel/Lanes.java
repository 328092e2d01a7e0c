package dev.heddle.core.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import java.nio.ByteOrder;

/// The vector shape, chosen once, and how vectors are read, written and added up.
final class Lanes {
    static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());
    static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

    /// Floats in a vector.
    static final int COUNT = FLOATS.length();

    /// Bytes in a vector.
    static final int BYTES = FLOATS.vectorByteSize();

    private static final VectorShuffle<Float> DOWN_8 = down(8);
    private static final VectorShuffle<Float> DOWN_4 = down(4);
    private static final VectorShuffle<Float> DOWN_2 = down(2);
    private static final VectorShuffle<Float> DOWN_1 = down(1);

    private Lanes() {}

    private static VectorShape shape() {
        int forced = KernelProvider.forcedBits();
        return forced == 0 ? VectorShape.preferredShape() : VectorShape.forBitSize(forced);
    }

    private static VectorShuffle<Float> down(int by) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane + by) % FLOATS.length());
    }

    static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(FLOATS, Native.ALL, address, ByteOrder.nativeOrder());
    }

    static FloatVector load(long address, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(FLOATS, Native.ALL, address, ByteOrder.nativeOrder(), mask);
    }

    static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(Native.ALL, address, ByteOrder.nativeOrder());
    }

    static void store(FloatVector vector, long address, VectorMask<Float> mask) {
        vector.intoMemorySegment(Native.ALL, address, ByteOrder.nativeOrder(), mask);
    }

    /// The first `n` lanes, n ≤ COUNT.
    static VectorMask<Float> first(int n) {
        return FLOATS.indexInRange(0, n);
    }

    static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    static FloatVector zero() {
        return FloatVector.zero(FLOATS);
    }

    /// The larger of each pair; a NaN in `b` is passed over (one compare and one blend, where the maximum that
    /// propagates NaN takes six instructions).
    static FloatVector larger(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(VectorOperators.GT, a));
    }

    /// The sum of all lanes, in an order of our own: the order of `reduceLanes` is unspecified and changes when the
    /// method is compiled, and with it the last bits.
    static float sum(FloatVector v) {
        FloatVector s = v;
        if (COUNT >= 16) {
            s = s.add(s.rearrange(DOWN_8));
        }
        if (COUNT >= 8) {
            s = s.add(s.rearrange(DOWN_4));
        }
        if (COUNT >= 4) {
            s = s.add(s.rearrange(DOWN_2));
        }
        return s.add(s.rearrange(DOWN_1)).lane(0);
    }

    /// The largest lane.
    static float max(FloatVector v) {
        return v.reduceLanes(VectorOperators.MAX);
    }
}
