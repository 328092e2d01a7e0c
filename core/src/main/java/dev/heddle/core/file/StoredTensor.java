package dev.heddle.core.file;

import dev.heddle.core.error.ShapeException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/// A named tensor as a file holds it: row-major elements, little-endian, at no particular alignment.
///
/// A tensor that was read is a view of the mapped file and lives as long as its [Safetensors] is open.
public final class StoredTensor {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final StoredType type;
    private final List<Long> shape;
    private final MemorySegment data;

    /// @param data the elements, product(shape) × width bytes; not copied
    /// @throws ShapeException if `data` has another size than the shape asks for
    public StoredTensor(String name, StoredType type, long[] shape, MemorySegment data) {
        this(name, type, Arrays.stream(shape).boxed().toList(), data);
    }

    StoredTensor(String name, StoredType type, List<Long> shape, MemorySegment data) {
        long bytes = type.byteSize(shape).orElseThrow(() -> new ShapeException(
                "shape: " + shape + " is negative or too large; use sizes of 0 or more whose product fits 63 bits"));
        if (bytes != data.byteSize()) {
            throw new ShapeException("shape: " + Source.quoted(name) + " has " + data.byteSize() + " bytes but " + type
                    + " " + shape + " needs " + bytes + "; give data of that size");
        }
        this.name = name;
        this.type = type;
        this.shape = shape;
        this.data = data.asReadOnly();
    }

    /// A copy of `values` as [StoredType#F32]; without a shape, a scalar.
    public static StoredTensor of(String name, float[] values, long... shape) {
        var data = MemorySegment.ofArray(new float[values.length]);
        MemorySegment.copy(MemorySegment.ofArray(values), ValueLayout.JAVA_FLOAT, 0, data, FLOAT, 0, values.length);
        return new StoredTensor(name, StoredType.F32, shape, data);
    }

    /// A copy of `values` as [StoredType#F64]; without a shape, a scalar.
    public static StoredTensor of(String name, double[] values, long... shape) {
        var data = MemorySegment.ofArray(new double[values.length]);
        MemorySegment.copy(MemorySegment.ofArray(values), ValueLayout.JAVA_DOUBLE, 0, data, DOUBLE, 0, values.length);
        return new StoredTensor(name, StoredType.F64, shape, data);
    }

    /// A copy of `values` as [StoredType#I32]; without a shape, a scalar.
    public static StoredTensor of(String name, int[] values, long... shape) {
        var data = MemorySegment.ofArray(new int[values.length]);
        MemorySegment.copy(MemorySegment.ofArray(values), ValueLayout.JAVA_INT, 0, data, INT, 0, values.length);
        return new StoredTensor(name, StoredType.I32, shape, data);
    }

    /// A copy of `values` as [StoredType#BOOL]; without a shape, a scalar.
    public static StoredTensor of(String name, boolean[] values, long... shape) {
        var bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) (values[i] ? 1 : 0);
        }
        return new StoredTensor(name, StoredType.BOOL, shape, MemorySegment.ofArray(bytes));
    }

    public String name() {
        return name;
    }

    public StoredType type() {
        return type;
    }

    /// The dimensions, outermost first; empty for a scalar.
    public long[] shape() {
        return shape.stream().mapToLong(Long::longValue).toArray();
    }

    List<Long> dimensions() {
        return shape;
    }

    /// Number of elements: the product of the shape.
    public long elements() {
        return data.byteSize() / type.width();
    }

    /// The elements, little-endian, read-only.
    public MemorySegment data() {
        return data;
    }

    @Override
    public String toString() {
        return name + " " + type + shape;
    }
}
