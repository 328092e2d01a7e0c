package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/// Rotation of one head by the angles of one token.
final class VectorRotary {
    private static final VectorShuffle<Float> SWAP_PAIRS = VectorShuffle.fromOp(FLOATS, lane -> lane ^ 1);
    private static final VectorShuffle<Float> REPEAT_EACH = VectorShuffle.fromOp(FLOATS, lane -> lane >> 1);
    private static final VectorMask<Float> EVEN = VectorMask.fromLong(FLOATS, 0x5555_5555_5555_5555L);

    private VectorRotary() {}

    /// Columns (i, i + half) are a pair; `sign` −1 rotates back.
    static void halves(long x, long y, long cos, long sin, float sign, int half) {
        long offset = 4L * half;
        int i = 0;
        for (; i <= half - COUNT; i += COUNT) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, x + offset + 4L * i, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, cos + 4L * i, ORDER);
            FloatVector s = fromMemorySegment(FLOATS, ALL, sin + 4L * i, ORDER).mul(sign);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(ALL, y + 4L * i, ORDER);
            a.mul(s).add(b.mul(c)).intoMemorySegment(ALL, y + offset + 4L * i, ORDER);
        }
        if (i < half) {
            VectorMask<Float> tail = FLOATS.indexInRange(i, half);
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, tail);
            FloatVector b = fromMemorySegment(FLOATS, ALL, x + offset + 4L * i, ORDER, tail);
            FloatVector c = fromMemorySegment(FLOATS, ALL, cos + 4L * i, ORDER, tail);
            FloatVector s = fromMemorySegment(FLOATS, ALL, sin + 4L * i, ORDER, tail).mul(sign);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(ALL, y + 4L * i, ORDER, tail);
            a.mul(s).add(b.mul(c)).intoMemorySegment(ALL, y + offset + 4L * i, ORDER, tail);
        }
    }

    /// Columns (2i, 2i + 1) are a pair: `y = x·c + swapped(x)·(∓s)`.
    static void pairs(long x, long y, long cos, long sin, float sign, int half) {
        int n = 2 * half;
        for (int i = 0; i < n; i += COUNT) {
            VectorMask<Float> lanes = FLOATS.indexInRange(i, n);
            VectorMask<Float> angles = FLOATS.indexInRange(0, Math.min(COUNT / 2, (n - i) / 2));
            FloatVector c = fromMemorySegment(FLOATS, ALL, cos + 2L * i, ORDER, angles).rearrange(REPEAT_EACH);
            FloatVector s = fromMemorySegment(FLOATS, ALL, sin + 2L * i, ORDER, angles).rearrange(REPEAT_EACH);
            FloatVector a = fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER, lanes);
            s = s.mul(sign);
            s = s.blend(s.neg(), EVEN);
            a.mul(c).add(a.rearrange(SWAP_PAIRS).mul(s)).intoMemorySegment(ALL, y + 4L * i, ORDER, lanes);
        }
    }
}
