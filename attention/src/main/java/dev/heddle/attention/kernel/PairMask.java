package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;

import java.lang.foreign.ValueLayout;

/// A boolean mask, true (1) = may attend, one byte a pair at `address + b·batch + h·head + i·query + j`; a stride of 0
/// broadcasts.
public record PairMask(long address, long batch, long head, long query) {
    private static final ValueLayout.OfLong BYTES = ValueLayout.JAVA_LONG_UNALIGNED;
    // Multiplying eight bytes of 0 or 1 by this gathers their low bits in the top byte, the first byte lowest.
    private static final long GATHER = 0x0102_0408_1020_4080L;

    long row(int b, int h, int i) {
        return address + b * batch + h * head + i * query;
    }

    /// The bits of `count ≤ 64` keys, the first at address `at`.
    static long bits(long at, int count) {
        long bits = 0;
        int t = 0;
        for (; t + 8 <= count; t += 8) {
            bits |= ((Native.ALL.get(BYTES, at + t) * GATHER) >>> 56) << t;
        }
        for (; t < count; t++) {
            bits |= (long) (Native.ALL.get(ValueLayout.JAVA_BYTE, at + t) & 1) << t;
        }
        return bits;
    }
}
