package dev.heddle.core.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The whole address space as one segment, so that kernels can speak plain addresses.
///
/// Loads and stores through a constant segment of unlimited size carry no liveness or upper-bound check, which is what
/// lets the just-in-time compiler turn a kernel's loop into plain vector moves. The price is that nothing here is
/// checked: shapes and lifetimes are checked where tensors enter an operation, and nowhere below.
public final class Native {
    /// Every byte of the process. Index it with an address.
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Native() {}

    public static float getFloat(long address) {
        return ALL.get(ValueLayout.JAVA_FLOAT, address);
    }

    public static void setFloat(long address, float value) {
        ALL.set(ValueLayout.JAVA_FLOAT, address, value);
    }

    public static double getDouble(long address) {
        return ALL.get(ValueLayout.JAVA_DOUBLE, address);
    }

    public static void setDouble(long address, double value) {
        ALL.set(ValueLayout.JAVA_DOUBLE, address, value);
    }

    public static int getInt(long address) {
        return ALL.get(ValueLayout.JAVA_INT, address);
    }

    public static void setInt(long address, int value) {
        ALL.set(ValueLayout.JAVA_INT, address, value);
    }

    public static boolean getBoolean(long address) {
        return ALL.get(ValueLayout.JAVA_BYTE, address) != 0;
    }

    public static void setBoolean(long address, boolean value) {
        ALL.set(ValueLayout.JAVA_BYTE, address, (byte) (value ? 1 : 0));
    }

    public static void copy(long from, long to, long bytes) {
        MemorySegment.copy(ALL, from, ALL, to, bytes);
    }

    public static void zero(long address, long bytes) {
        ALL.asSlice(address, bytes).fill((byte) 0);
    }
}
