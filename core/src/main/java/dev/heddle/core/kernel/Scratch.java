package dev.heddle.core.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Small buffers of each thread's own for what a kernel keeps between two loops.
final class Scratch {
    private static final ThreadLocal<Scratch> OWN = ThreadLocal.withInitial(Scratch::new);
    private static final int VECTOR_BYTES = 64;
    private static final int CHUNK_BYTES = 4 * Lanes.CHUNK;

    private final MemorySegment fixed = Arena.ofAuto().allocate(2 * VECTOR_BYTES + 4 * CHUNK_BYTES, VECTOR_BYTES);
    private MemorySegment row = Arena.ofAuto().allocate(16 << 10, VECTOR_BYTES);

    /// Room for one vector: the last, incomplete one of a loop.
    final long tail = fixed.address();

    /// Room for one vector: lanes about to be added up.
    final long lanes = tail + VECTOR_BYTES;

    /// Two chunks for the inner steps of a function of one argument.
    final long first = lanes + VECTOR_BYTES;

    final long second = first + CHUNK_BYTES;

    /// Two chunks for the values of such functions.
    final long value = second + CHUNK_BYTES;

    final long slope = value + CHUNK_BYTES;

    private Scratch() {}

    static Scratch own() {
        return OWN.get();
    }

    /// Room for at least `floats` floats, valid until the next call on this thread.
    long row(int floats) {
        long bytes = 4L * floats;
        if (row.byteSize() < bytes) {
            row = Arena.ofAuto().allocate(2 * bytes, VECTOR_BYTES);
        }
        return row.address();
    }
}
