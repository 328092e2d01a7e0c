package dev.heddle.core.file;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.List;

/// The elements of one stored tensor, converted into a destination in the machine's own byte order.
///
/// Floating types convert to f32 and f64, integers to i32 and i64, booleans to booleans; anything else is refused, since
/// a mask read as weights is a mistake. Widening is exact, NaN and infinities included; f64 to f32 rounds to nearest even.
record Elements(Source source, StoredTensor tensor) {
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

    void toFloats(MemorySegment destination) {
        check(StoredType.Kind.FLOATING, "f32", destination, Float.BYTES);
        MemorySegment data = tensor.data();
        long count = tensor.elements();
        var target = ValueLayout.JAVA_FLOAT_UNALIGNED;
        switch (tensor.type()) {
            case F32 -> MemorySegment.copy(data, FLOAT, 0, destination, target, 0, count);
            case F64 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Float.BYTES, (float) data.get(DOUBLE, i * Double.BYTES));
                }
            }
            case F16 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Float.BYTES, half(data, i));
                }
            }
            default -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Float.BYTES, brainFloat(data, i));
                }
            }
        }
    }

    void toDoubles(MemorySegment destination) {
        check(StoredType.Kind.FLOATING, "f64", destination, Double.BYTES);
        MemorySegment data = tensor.data();
        long count = tensor.elements();
        var target = ValueLayout.JAVA_DOUBLE_UNALIGNED;
        switch (tensor.type()) {
            case F64 -> MemorySegment.copy(data, DOUBLE, 0, destination, target, 0, count);
            case F32 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Double.BYTES, data.get(FLOAT, i * Float.BYTES));
                }
            }
            case F16 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Double.BYTES, half(data, i));
                }
            }
            default -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Double.BYTES, brainFloat(data, i));
                }
            }
        }
    }

    void toInts(MemorySegment destination) {
        check(StoredType.Kind.INTEGER, "i32", destination, Integer.BYTES);
        MemorySegment data = tensor.data();
        long count = tensor.elements();
        var target = ValueLayout.JAVA_INT_UNALIGNED;
        switch (tensor.type()) {
            case I32 -> MemorySegment.copy(data, INT, 0, destination, target, 0, count);
            case I64 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Integer.BYTES, narrow(data.get(LONG, i * Long.BYTES), i));
                }
            }
            case I8 -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Integer.BYTES, data.get(BYTE, i));
                }
            }
            default -> {
                for (long i = 0; i < count; i++) {
                    destination.set(target, i * Integer.BYTES, data.get(BYTE, i) & 0xFF);
                }
            }
        }
    }

    long[] toLongs() {
        checkKind(StoredType.Kind.INTEGER, "i64");
        MemorySegment data = tensor.data();
        long[] values = new long[arrayLength()];
        for (int i = 0; i < values.length; i++) {
            values[i] =
                    switch (tensor.type()) {
                        case I64 -> data.get(LONG, (long) i * Long.BYTES);
                        case I32 -> data.get(INT, (long) i * Integer.BYTES);
                        case I8 -> data.get(BYTE, i);
                        default -> data.get(BYTE, i) & 0xFF;
                    };
        }
        return values;
    }

    void toBooleans(MemorySegment destination) {
        check(StoredType.Kind.BOOLEAN, "bool", destination, 1);
        MemorySegment data = tensor.data();
        for (long i = 0; i < tensor.elements(); i++) {
            byte value = data.get(BYTE, i);
            if ((value & ~1) != 0) {
                throw source.refusal(
                        subject() + " holds " + (value & 0xFF) + " at element " + i, "a boolean is 0 or 1");
            }
        }
        MemorySegment.copy(data, 0, destination, 0, tensor.elements());
    }

    /// The type that holds these elements without loss, f16 and bf16 widened to f32; [DType#I32] for all integers.
    DType naturalType() {
        return switch (tensor.type()) {
            case F64 -> DType.F64;
            case F32, F16, BF16 -> DType.F32;
            case I64, I32, I8, U8 -> DType.I32;
            case BOOL -> DType.BOOL;
        };
    }

    Tensor toTensor(DType dtype) {
        switch (dtype) {
            case F32 -> checkKind(StoredType.Kind.FLOATING, "f32");
            case F64 -> checkKind(StoredType.Kind.FLOATING, "f64");
            case I32 -> checkKind(StoredType.Kind.INTEGER, "i32");
            case BOOL -> checkKind(StoredType.Kind.BOOLEAN, "bool");
        }
        Tensor result = Tensor.uninitialised(dtype, tensorShape());
        MemorySegment destination = Native.ALL.asSlice(result.address(), result.bytes());
        switch (dtype) {
            case F32 -> toFloats(destination);
            case F64 -> toDoubles(destination);
            case I32 -> toInts(destination);
            case BOOL -> toBooleans(destination);
        }
        Reference.reachabilityFence(result);
        return result;
    }

    private Shape tensorShape() {
        List<Long> sizes = tensor.dimensions();
        if (sizes.stream().anyMatch(size -> size > Integer.MAX_VALUE)) {
            throw source.refusal(
                    subject() + " has the shape " + sizes,
                    "a tensor's axis has at most " + Integer.MAX_VALUE + " elements");
        }
        return Shape.of(sizes.stream().mapToInt(Long::intValue).toArray());
    }

    private static float half(MemorySegment data, long index) {
        return Float.float16ToFloat(data.get(SHORT, index * Short.BYTES));
    }

    private static float brainFloat(MemorySegment data, long index) {
        return Float.intBitsToFloat(data.get(SHORT, index * Short.BYTES) << Short.SIZE);
    }

    private int narrow(long value, long index) {
        int narrowed = (int) value;
        if (narrowed != value) {
            throw source.refusal(
                    subject() + " holds " + value + " at element " + index,
                    "as i32, use " + Integer.MIN_VALUE + " to " + Integer.MAX_VALUE);
        }
        return narrowed;
    }

    /// The number of elements, for an array.
    int arrayLength() {
        long count = tensor.elements();
        if (count > Integer.MAX_VALUE - 8) {
            throw source.refusal(
                    subject() + " holds " + count + " elements, more than an array can",
                    "copy it into a memory segment");
        }
        return (int) count;
    }

    private void check(StoredType.Kind wanted, String name, MemorySegment destination, int width) {
        checkKind(wanted, name);
        if (destination.byteSize() / width != tensor.elements() || destination.byteSize() % width != 0) {
            throw new ShapeException(
                    "destination: "
                            + destination.byteSize()
                            + " bytes do not fit "
                            + tensor.elements()
                            + " elements as "
                            + name
                            + "; use "
                            + tensor.elements()
                            + " × "
                            + width);
        }
    }

    private void checkKind(StoredType.Kind wanted, String name) {
        if (tensor.type().kind() != wanted) {
            throw source.refusal(
                    subject() + " is stored as " + tensor.type() + ", not readable as " + name,
                    "read it as " + tensor.type().kind().readableAs);
        }
    }

    private String subject() {
        return "tensor " + Source.quoted(tensor.name());
    }
}
