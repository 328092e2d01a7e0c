package dev.heddle.core.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import java.nio.ByteOrder;

/// The vector shape, chosen once, and what every vector loop shares.
///
/// A loop calls the Vector API's own methods only, never a helper of ours that takes or returns a vector. The compiler
/// inlines its own methods whatever happens, but refuses ours once it has parsed a certain amount of code (about 35
/// vector operations, counted from the outermost caller it inlined), and from then on boxes every vector. For the
/// same reason a long formula is several short loops over a piece of the data that stays in the first-level cache.
final class Lanes {
    static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());
    static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /// Floats in a vector.
    static final int COUNT = FLOATS.length();

    /// Bytes in a vector.
    static final int BYTES = FLOATS.vectorByteSize();

    /// Elements that a kernel of several loops takes at a time: 4 KB, so that several such pieces stay in the
    /// first-level cache. A multiple of every vector's length.
    static final int CHUNK = 1 << 10;

    private Lanes() {}

    private static VectorShape shape() {
        int forced = KernelProvider.forcedBits();
        return forced == 0 ? VectorShape.preferredShape() : VectorShape.forBitSize(forced);
    }

    /// The sum of the vector stored at an address, in an order of our own: that of `reduceLanes` is unspecified and
    /// changes when a method is compiled, and with it the last bits.
    static float sumAt(long address) {
        return switch (COUNT) {
            case 4 -> four(address);
            case 8 -> eight(address);
            default -> eight(address) + eight(address + 32);
        };
    }

    private static float eight(long address) {
        return four(address) + four(address + 16);
    }

    private static float four(long address) {
        return (Native.getFloat(address) + Native.getFloat(address + 8))
                + (Native.getFloat(address + 4) + Native.getFloat(address + 12));
    }

    /// Copies fewer than [#COUNT] floats to a whole vector's room; the rest of it becomes 0.
    static void pad(long from, int n, long to) {
        FloatVector.fromMemorySegment(FLOATS, Native.ALL, from, ORDER, FLOATS.indexInRange(0, n))
                .intoMemorySegment(Native.ALL, to, ORDER);
    }

    /// Copies the first `n` floats of a whole vector's room back.
    static void unpad(long from, long to, int n) {
        VectorMask<Float> mask = FLOATS.indexInRange(0, n);
        FloatVector.fromMemorySegment(FLOATS, Native.ALL, from, ORDER).intoMemorySegment(Native.ALL, to, ORDER, mask);
    }
}
