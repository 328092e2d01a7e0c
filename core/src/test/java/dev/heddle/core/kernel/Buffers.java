package dev.heddle.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Native test memory between sentinels: outputs start as NaN, and a write outside a buffer is found when it closes.
final class Buffers implements AutoCloseable {
    private static final int GUARD = 64;
    private static final byte SENTINEL = 0x5A;

    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> guards = new ArrayList<>();

    long floats(float[] values) {
        long address = floats(values.length);
        MemorySegment.copy(values, 0, Native.ALL, ValueLayout.JAVA_FLOAT, address, values.length);
        return address;
    }

    long doubles(float[] values) {
        long address = doubles(values.length);
        for (int i = 0; i < values.length; i++) {
            Native.setDouble(address + 8L * i, values[i]);
        }
        return address;
    }

    long ints(int[] values) {
        long address = guarded(4L * values.length);
        MemorySegment.copy(values, 0, Native.ALL, ValueLayout.JAVA_INT, address, values.length);
        return address;
    }

    long floats(int n) {
        long address = guarded(4L * n);
        for (int i = 0; i < n; i++) {
            Native.setFloat(address + 4L * i, Float.NaN);
        }
        return address;
    }

    long doubles(int n) {
        long address = guarded(8L * n);
        for (int i = 0; i < n; i++) {
            Native.setDouble(address + 8L * i, Double.NaN);
        }
        return address;
    }

    static float[] floatsAt(long address, int n) {
        float[] values = new float[n];
        MemorySegment.copy(Native.ALL, ValueLayout.JAVA_FLOAT, address, values, 0, n);
        return values;
    }

    static double[] doublesAt(long address, int n) {
        double[] values = new double[n];
        MemorySegment.copy(Native.ALL, ValueLayout.JAVA_DOUBLE, address, values, 0, n);
        return values;
    }

    private long guarded(long bytes) {
        MemorySegment whole = arena.allocate(bytes + 2 * GUARD, 64);
        guards.add(whole.asSlice(0, GUARD).fill(SENTINEL));
        guards.add(whole.asSlice(GUARD + bytes, GUARD).fill(SENTINEL));
        return whole.address() + GUARD;
    }

    @Override
    public void close() {
        for (MemorySegment guard : guards) {
            for (long i = 0; i < GUARD; i++) {
                assertThat(guard.get(ValueLayout.JAVA_BYTE, i)).as("byte beside a buffer").isEqualTo(SENTINEL);
            }
        }
        arena.close();
    }
}
