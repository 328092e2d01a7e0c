package dev.heddle.core.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A small buffer of each thread's own for what a kernel keeps between two passes over a row.
final class Scratch {
    private static final ThreadLocal<MemorySegment> OWN = ThreadLocal.withInitial(() -> allocate(16 << 10));

    private Scratch() {}

    /// The address of at least `floats` floats, 64-byte aligned; what they hold is undefined. Every call on a thread
    /// returns the same memory.
    static long floats(int floats) {
        MemorySegment segment = OWN.get();
        long bytes = (long) floats * Float.BYTES;
        if (segment.byteSize() < bytes) {
            segment = allocate(bytes * 2);
            OWN.set(segment);
        }
        return segment.address();
    }

    private static MemorySegment allocate(long bytes) {
        return Arena.ofAuto().allocate(bytes, 64);
    }
}
