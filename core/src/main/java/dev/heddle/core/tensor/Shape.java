package dev.heddle.core.tensor;

import dev.heddle.core.error.ShapeException;

import java.util.Arrays;
import java.util.stream.Collectors;

/// The sizes of a tensor's axes, outermost first. `[]` is a scalar; an axis may have size 0.
public final class Shape {
    private final int[] sizes;
    private final long elements;

    private Shape(int[] sizes) {
        this.sizes = sizes;
        this.elements = count(sizes);
    }

    /// A shape of the given sizes.
    ///
    /// @throws ShapeException if a size is negative or the number of elements overflows
    public static Shape of(int... sizes) {
        return new Shape(sizes.clone());
    }

    private static long count(int[] sizes) {
        long elements = 1;
        for (int size : sizes) {
            if (size < 0) {
                throw new ShapeException(
                        "shape: size "
                                + size
                                + " in "
                                + Arrays.toString(sizes)
                                + " is negative; use sizes of 0 or more");
            }
            long high = Math.multiplyHigh(elements, size);
            elements *= size;
            if (high != 0 || elements < 0) {
                throw new ShapeException("shape: " + Arrays.toString(sizes) + " has more elements than can be counted");
            }
        }
        return elements;
    }

    public int rank() {
        return sizes.length;
    }

    /// The size of an axis; negative axes count from the end (−1 is the last).
    public int dim(int axis) {
        return sizes[axis(axis)];
    }

    /// The axis as a number from 0.
    ///
    /// @throws ShapeException if there is no such axis
    public int axis(int axis) {
        int positive = axis < 0 ? axis + sizes.length : axis;
        if (positive < 0 || positive >= sizes.length) {
            throw new ShapeException("axis: " + axis + " does not exist in " + this);
        }
        return positive;
    }

    public long elements() {
        return elements;
    }

    /// The size of the last axis; 1 for a scalar.
    public int cols() {
        return sizes.length == 0 ? 1 : sizes[sizes.length - 1];
    }

    /// The number of rows when all but the last axis are folded together.
    public long rows() {
        return product(0, Math.max(0, sizes.length - 1));
    }

    /// The product of the sizes of the axes from..to−1.
    public long product(int from, int to) {
        long product = 1;
        for (int i = from; i < to; i++) {
            product *= sizes[i];
        }
        return product;
    }

    /// This shape with another size at an axis.
    public Shape with(int axis, int size) {
        int[] copy = sizes.clone();
        copy[axis(axis)] = size;
        return new Shape(copy);
    }

    /// This shape without one axis.
    public Shape without(int axis) {
        int gone = axis(axis);
        int[] copy = new int[sizes.length - 1];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = sizes[i < gone ? i : i + 1];
        }
        return new Shape(copy);
    }

    /// This shape with its last `count` axes replaced by `tail`.
    public Shape replaceLast(int count, int... tail) {
        int kept = sizes.length - count;
        int[] copy = Arrays.copyOf(sizes, kept + tail.length);
        System.arraycopy(tail, 0, copy, kept, tail.length);
        return new Shape(copy);
    }

    public int[] toArray() {
        return sizes.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(sizes, shape.sizes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sizes);
    }

    @Override
    public String toString() {
        return Arrays.stream(sizes).mapToObj(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    }
}
