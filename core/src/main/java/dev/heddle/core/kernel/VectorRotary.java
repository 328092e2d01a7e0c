package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

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
            FloatVector a = load(x + 4L * i);
            FloatVector b = load(x + offset + 4L * i);
            FloatVector c = load(cos + 4L * i);
            FloatVector s = load(sin + 4L * i).mul(sign);
            store(a.mul(c).sub(b.mul(s)), y + 4L * i);
            store(a.mul(s).add(b.mul(c)), y + offset + 4L * i);
        }
        if (i < half) {
            VectorMask<Float> tail = first(half - i);
            FloatVector a = load(x + 4L * i, tail);
            FloatVector b = load(x + offset + 4L * i, tail);
            FloatVector c = load(cos + 4L * i, tail);
            FloatVector s = load(sin + 4L * i, tail).mul(sign);
            store(a.mul(c).sub(b.mul(s)), y + 4L * i, tail);
            store(a.mul(s).add(b.mul(c)), y + offset + 4L * i, tail);
        }
    }

    /// Columns (2i, 2i + 1) are a pair: `y = x·c + swapped(x)·(∓s)`.
    static void pairs(long x, long y, long cos, long sin, float sign, int half) {
        int n = 2 * half;
        VectorMask<Float> angles = first(COUNT / 2);
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            store(turned(load(x + 4L * i), cos + 2L * i, sin + 2L * i, sign, angles), y + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            VectorMask<Float> rest = first((n - i) / 2);
            store(turned(load(x + 4L * i, tail), cos + 2L * i, sin + 2L * i, sign, rest), y + 4L * i, tail);
        }
    }

    private static FloatVector turned(FloatVector x, long cos, long sin, float sign, VectorMask<Float> angles) {
        FloatVector c = load(cos, angles).rearrange(REPEAT_EACH);
        FloatVector s = load(sin, angles).rearrange(REPEAT_EACH).mul(sign);
        FloatVector signed = s.blend(s.neg(), EVEN);
        return x.mul(c).add(x.rearrange(SWAP_PAIRS).mul(signed));
    }
}
