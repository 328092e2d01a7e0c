package dev.heddle.core.tensor;

import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// A handle on dense, row-major data in native memory, immutable by convention: operations make new tensors, and only
/// optimisers and caches write into memory they own.
///
/// Operations are the static methods of `dev.heddle.core.ops`; ND4J arrays come and go through
/// `dev.heddle.core.nd4j.Nd4jBridge` without a copy.
public final class Tensor {
    // No machine has as many bytes, and products with an element's size stay far from overflow.
    private static final long MOST_ELEMENTS = 1L << 48;

    private final Memory.Buffer buffer;
    private final long offset;
    private final Shape shape;
    private final DType dtype;
    private final @Nullable Object keepAlive;
    private @Nullable Node node;

    private Tensor(Memory.Buffer buffer, long offset, Shape shape, DType dtype, @Nullable Object keepAlive) {
        this.buffer = buffer;
        this.offset = offset;
        this.shape = shape;
        this.dtype = dtype;
        this.keepAlive = keepAlive;
    }

    /// A tensor whose contents are whatever the memory held: every element must be written before it is read.
    ///
    /// @throws ShapeException if its bytes cannot be counted
    public static Tensor uninitialised(DType dtype, Shape shape) {
        if (shape.elements() > MOST_ELEMENTS) {
            throw new ShapeException(
                    "tensor: " + shape + " has more elements than memory; use at most " + MOST_ELEMENTS);
        }
        return new Tensor(Memory.allocate(shape.elements() * dtype.bytes()), 0, shape, dtype, null);
    }

    public static Tensor uninitialised(DType dtype, int... sizes) {
        return uninitialised(dtype, Shape.of(sizes));
    }

    public static Tensor zeros(DType dtype, Shape shape) {
        Tensor tensor = uninitialised(dtype, shape);
        Native.zero(tensor.address(), tensor.bytes());
        return tensor;
    }

    public static Tensor zeros(DType dtype, int... sizes) {
        return zeros(dtype, Shape.of(sizes));
    }

    /// A floating tensor with the same value everywhere.
    public static Tensor full(DType dtype, Shape shape, double value) {
        Tensor tensor = uninitialised(dtype, shape);
        tensor.fill(value);
        return tensor;
    }

    /// A scalar, shape `[]`.
    public static Tensor scalar(DType dtype, double value) {
        return full(dtype, Shape.of(), value);
    }

    /// An F32 tensor with a copy of `values`.
    ///
    /// @throws ShapeException if the number of values is not that of the shape
    public static Tensor of(float[] values, int... sizes) {
        Tensor tensor = sized(DType.F32, values.length, sizes);
        MemorySegment.copy(values, 0, Native.ALL, ValueLayout.JAVA_FLOAT, tensor.address(), values.length);
        return tensor;
    }

    /// An F64 tensor with a copy of `values`.
    public static Tensor of(double[] values, int... sizes) {
        Tensor tensor = sized(DType.F64, values.length, sizes);
        MemorySegment.copy(values, 0, Native.ALL, ValueLayout.JAVA_DOUBLE, tensor.address(), values.length);
        return tensor;
    }

    /// An I32 tensor with a copy of `values`.
    public static Tensor of(int[] values, int... sizes) {
        Tensor tensor = sized(DType.I32, values.length, sizes);
        MemorySegment.copy(values, 0, Native.ALL, ValueLayout.JAVA_INT, tensor.address(), values.length);
        return tensor;
    }

    /// A BOOL tensor with a copy of `values`.
    public static Tensor of(boolean[] values, int... sizes) {
        Tensor tensor = sized(DType.BOOL, values.length, sizes);
        for (int i = 0; i < values.length; i++) {
            Native.setBoolean(tensor.address() + i, values[i]);
        }
        return tensor;
    }

    private static Tensor sized(DType dtype, int values, int... sizes) {
        Shape shape = Shape.of(sizes);
        if (shape.elements() != values) {
            throw new ShapeException(
                    "tensor: "
                            + values
                            + " values do not fill shape "
                            + shape
                            + ", which has "
                            + shape.elements()
                            + " elements");
        }
        return uninitialised(dtype, shape);
    }

    /// A tensor over memory that somebody else owns and keeps alive as long as `owner` is reachable.
    ///
    /// @param address 64-bit address of the first element
    public static Tensor wrap(DType dtype, Shape shape, long address, Object owner) {
        return new Tensor(Memory.foreign(address), 0, shape, dtype, owner);
    }

    /// The same memory under another shape of the same number of elements; not recorded on the tape (see
    /// `Layout.reshape` for that).
    public Tensor viewAs(Shape other) {
        if (other.elements() != shape.elements()) {
            throw new ShapeException(
                    "reshape: "
                            + shape
                            + " has "
                            + shape.elements()
                            + " elements and "
                            + other
                            + " has "
                            + other.elements()
                            + "; sizes must multiply to the same number");
        }
        return new Tensor(buffer, offset, other, dtype, keepAlive);
    }

    /// The part of this tensor from `start` on (in elements) as a tensor of `part`'s shape in the same memory; not
    /// recorded on the tape.
    public Tensor viewAt(long start, Shape part) {
        if (start < 0 || start + part.elements() > shape.elements()) {
            throw new ShapeException("view: " + part + " at element " + start + " does not fit in " + shape);
        }
        return new Tensor(buffer, offset + start * dtype.bytes(), part, dtype, keepAlive);
    }

    /// The same memory as a constant: gradients stop here.
    public Tensor detach() {
        return new Tensor(buffer, offset, shape, dtype, keepAlive);
    }

    public Shape shape() {
        return shape;
    }

    public int dim(int axis) {
        return shape.dim(axis);
    }

    public int rank() {
        return shape.rank();
    }

    public DType dtype() {
        return dtype;
    }

    public long elements() {
        return shape.elements();
    }

    public long bytes() {
        return shape.elements() * dtype.bytes();
    }

    /// The address of the first element, for kernels. Keep the tensor reachable while the address is in use:
    /// [Autograd#record] at the end of an operation does.
    ///
    /// @throws HeddleException if the tensor's scope has ended
    public long address() {
        if (buffer.isClosed()) {
            throw new HeddleException(
                    "tensor: " + this + " is used after its scope has ended; " + "hand it out with scope.keep(tensor)");
        }
        return buffer.address() + offset;
    }

    Memory.Buffer buffer() {
        return buffer;
    }

    /// True if gradients flow to or through this tensor.
    public boolean isDifferentiable() {
        return node != null;
    }

    @Nullable Node node() {
        return node;
    }

    void attach(Node producer) {
        this.node = producer;
    }

    /// Overwrites every element: for memory that the caller owns.
    public void fill(double value) {
        long address = address();
        for (long i = 0; i < elements(); i++) {
            store(address, i, value);
        }
    }

    /// Overwrites this tensor's data with that of another of the same shape and type: for memory that the caller owns.
    public void copyFrom(Tensor source) {
        if (!source.shape.equals(shape) || source.dtype != dtype) {
            throw new ShapeException("copy: " + source + " does not fit into " + this);
        }
        Native.copy(source.address(), address(), bytes());
    }

    private void store(long address, long index, double value) {
        switch (dtype) {
            case F32 -> Native.setFloat(address + 4 * index, (float) value);
            case F64 -> Native.setDouble(address + 8 * index, value);
            case I32 -> Native.setInt(address + 4 * index, (int) value);
            case BOOL -> Native.setBoolean(address + index, value != 0);
        }
    }

    /// One element as a double, by its flat index.
    public double at(long index) {
        if (index < 0 || index >= elements()) {
            throw new ShapeException("element: " + index + " is outside " + this);
        }
        long address = address();
        return switch (dtype) {
            case F32 -> Native.getFloat(address + 4 * index);
            case F64 -> Native.getDouble(address + 8 * index);
            case I32 -> Native.getInt(address + 4 * index);
            case BOOL -> Native.getBoolean(address + index) ? 1 : 0;
        };
    }

    /// The only element.
    ///
    /// @throws ShapeException if there is more than one
    public double item() {
        if (elements() != 1) {
            throw new ShapeException("item: " + this + " has " + elements() + " elements, not one");
        }
        return at(0);
    }

    public float[] toFloats() {
        if (dtype == DType.F32) {
            float[] values = new float[Math.toIntExact(elements())];
            MemorySegment.copy(Native.ALL, ValueLayout.JAVA_FLOAT, address(), values, 0, values.length);
            return values;
        }
        double[] wide = toDoubles();
        float[] values = new float[wide.length];
        for (int i = 0; i < wide.length; i++) {
            values[i] = (float) wide[i];
        }
        return values;
    }

    public double[] toDoubles() {
        double[] values = new double[Math.toIntExact(elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = at(i);
        }
        return values;
    }

    public int[] toInts() {
        int[] values = new int[Math.toIntExact(elements())];
        if (dtype == DType.I32) {
            MemorySegment.copy(Native.ALL, ValueLayout.JAVA_INT, address(), values, 0, values.length);
            return values;
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = (int) at(i);
        }
        return values;
    }

    public boolean[] toBooleans() {
        boolean[] values = new boolean[Math.toIntExact(elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = at(i) != 0;
        }
        return values;
    }

    /// A constant with the same values in another type; itself if the type is the same.
    public Tensor cast(DType other) {
        if (other == dtype) {
            return this;
        }
        Tensor result = uninitialised(other, shape);
        long address = result.address();
        for (long i = 0; i < elements(); i++) {
            result.store(address, i, at(i));
        }
        return result;
    }

    /// A constant with a copy of the data.
    public Tensor copy() {
        Tensor result = uninitialised(dtype, shape);
        Native.copy(address(), result.address(), bytes());
        return result;
    }

    /// Type and shape, and the values of small tensors.
    @Override
    public String toString() {
        String head = dtype + shape.toString();
        return elements() > 16 || buffer.isClosed() ? head : head + Arrays.toString(toDoubles());
    }
}
