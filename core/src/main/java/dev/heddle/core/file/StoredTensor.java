package dev.heddle.core.file;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/// A named tensor as a file holds it: row-major elements, little-endian, at no particular alignment.
///
/// A tensor that was read is a view of the mapped file and lives as long as its [Safetensors] is open.
public final class StoredTensor {
    private final String name;
    private final StoredType type;
    private final List<Long> shape;
    private final long bytes;
    private final Supplier<MemorySegment> data;

    private StoredTensor(String name, StoredType type, List<Long> shape, long held, Supplier<MemorySegment> data) {
        this.bytes =
                type.byteSize(shape)
                        .orElseThrow(
                                () ->
                                        new ShapeException(
                                                "shape: "
                                                        + shape
                                                        + " is negative or too large; use sizes of 0 or more whose product fits 63 bits"));
        if (bytes != held) {
            throw new ShapeException(
                    "shape: "
                            + Source.quoted(name)
                            + " has "
                            + held
                            + " bytes but "
                            + type
                            + " "
                            + shape
                            + " needs "
                            + bytes
                            + "; give data of that size");
        }
        this.name = name;
        this.type = type;
        this.shape = shape;
        this.data = data;
    }

    StoredTensor(String name, StoredType type, List<Long> shape, MemorySegment data) {
        this(name, type, shape, data.byteSize(), data::asReadOnly);
    }

    /// @param data the elements, little-endian, product(shape) × width bytes; not copied
    /// @throws ShapeException if `data` has another size than the shape asks for
    public StoredTensor(String name, StoredType type, long[] shape, MemorySegment data) {
        this(name, type, Arrays.stream(shape).boxed().toList(), data);
    }

    /// A tensor in its own type, not copied: its scope must last until the file is written.
    public static StoredTensor of(String name, Tensor tensor) {
        // Every platform that Heddle runs on is little-endian, so memory and file agree.
        return new StoredTensor(
                name,
                type(tensor.dtype()),
                Arrays.stream(tensor.shape().toArray()).mapToObj(Long::valueOf).toList(),
                tensor.bytes(),
                () -> Native.ALL.asSlice(tensor.address(), tensor.bytes()).asReadOnly());
    }

    private static StoredType type(DType dtype) {
        return switch (dtype) {
            case F32 -> StoredType.F32;
            case F64 -> StoredType.F64;
            case I32 -> StoredType.I32;
            case BOOL -> StoredType.BOOL;
        };
    }

    /// A copy of `values` as [StoredType#F32]; without a shape, a scalar.
    public static StoredTensor of(String name, float[] values, long... shape) {
        return new StoredTensor(name, StoredType.F32, shape, MemorySegment.ofArray(values.clone()));
    }

    /// A copy of `values` as [StoredType#F64]; without a shape, a scalar.
    public static StoredTensor of(String name, double[] values, long... shape) {
        return new StoredTensor(name, StoredType.F64, shape, MemorySegment.ofArray(values.clone()));
    }

    /// A copy of `values` as [StoredType#I32]; without a shape, a scalar.
    public static StoredTensor of(String name, int[] values, long... shape) {
        return new StoredTensor(name, StoredType.I32, shape, MemorySegment.ofArray(values.clone()));
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
        return bytes / type.width();
    }

    long bytes() {
        return bytes;
    }

    /// The elements, little-endian, read-only; valid while this object is reachable.
    public MemorySegment data() {
        return data.get();
    }

    @Override
    public String toString() {
        return name + " " + type + shape;
    }
}
