package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.List;

/// Operations that move elements without changing them.
public final class Layout {
    private static final long COPY_GRAIN_BYTES = 1 << 18;

    private Layout() {}

    /// The same elements under another shape, without a copy. One size may be −1: it is what is left.
    public static Tensor reshape(Tensor x, int... sizes) {
        return reshape(x, complete(x, sizes));
    }

    public static Tensor reshape(Tensor x, Shape shape) {
        return Autograd.record(x.viewAs(shape), dy -> new Tensor[] {dy.viewAs(x.shape())}, x);
    }

    private static Shape complete(Tensor x, int[] sizes) {
        int[] full = sizes.clone();
        long known = 1;
        int open = -1;
        for (int i = 0; i < full.length; i++) {
            if (full[i] == -1 && open < 0) {
                open = i;
            } else {
                known *= full[i];
            }
        }
        if (open >= 0) {
            if (known == 0 || x.elements() % known != 0) {
                throw new ShapeException("reshape: " + x.shape() + " does not divide into " + Arrays.toString(sizes));
            }
            full[open] = Math.toIntExact(x.elements() / known);
        }
        return Shape.of(full);
    }

    /// Swaps the last two axes: `[…, R, C]` → `[…, C, R]`.
    public static Tensor transpose(Tensor x) {
        int[] axes = new int[x.rank()];
        Arrays.setAll(axes, i -> i);
        axes[axes.length - 1] = axes.length - 2;
        axes[axes.length - 2] = axes.length - 1;
        return permute(x, axes);
    }

    /// Reorders axes: axis i of the result is axis `axes[i]` of x.
    public static Tensor permute(Tensor x, int... axes) {
        int[] inverse = new int[axes.length];
        for (int i = 0; i < axes.length; i++) {
            inverse[axes[i]] = i;
        }
        return Autograd.record(permuteCopy(x, axes), dy -> new Tensor[] {permuteCopy(dy, inverse)}, x);
    }

    private static Tensor permuteCopy(Tensor x, int[] axes) {
        int rank = axes.length;
        int[] sizes = new int[rank];
        long[] strides = new long[rank];
        for (int i = 0; i < rank; i++) {
            sizes[i] = x.dim(axes[i]);
            strides[i] = x.shape().product(axes[i] + 1, rank) * x.dtype().bytes();
        }
        Tensor y = Tensor.uninitialised(x.dtype(), Shape.of(sizes));
        if (isLastTwoSwapped(axes) && x.dtype().isFloating()) {
            long batch = x.shape().product(0, rank - 2);
            x.dtype().kernels().transpose(x.address(), y.address(), batch, x.dim(-2), x.dim(-1));
            return y;
        }
        copyStrided(x.address(), strides, y);
        return y;
    }

    private static boolean isLastTwoSwapped(int[] axes) {
        int rank = axes.length;
        for (int i = 0; i < rank - 2; i++) {
            if (axes[i] != i) {
                return false;
            }
        }
        return rank >= 2 && axes[rank - 1] == rank - 2 && axes[rank - 2] == rank - 1;
    }

    // Fills y from source addresses that advance by `strides` bytes an index; trailing axes that are contiguous in the
    // source are copied as one block.
    private static void copyStrided(long source, long[] strides, Tensor y) {
        if (y.elements() == 0) {
            return;
        }
        int outer = y.rank();
        long block = y.dtype().bytes();
        while (outer > 0 && strides[outer - 1] == block) {
            outer--;
            block *= y.dim(outer);
        }
        long blocks = y.bytes() / block;
        int[] sizes = Arrays.copyOf(y.shape().toArray(), outer);
        long bytes = block;
        long target = y.address();
        Parallel.ranges(
                blocks,
                Math.max(1, COPY_GRAIN_BYTES / bytes),
                (from, to) -> {
                    int[] index = unravel(from, sizes);
                    for (long b = from; b < to; b++) {
                        copyBlock(source + dot(index, strides), target + b * bytes, bytes);
                        advance(index, sizes);
                    }
                });
    }

    private static void copyBlock(long from, long to, long bytes) {
        if (bytes == 4) {
            Native.setInt(to, Native.getInt(from));
        } else {
            Native.copy(from, to, bytes);
        }
    }

    private static int[] unravel(long flat, int[] sizes) {
        int[] index = new int[sizes.length];
        long rest = flat;
        for (int i = sizes.length - 1; i >= 0; i--) {
            index[i] = (int) (rest % sizes[i]);
            rest /= sizes[i];
        }
        return index;
    }

    private static long dot(int[] index, long[] strides) {
        long sum = 0;
        for (int i = 0; i < index.length; i++) {
            sum += index[i] * strides[i];
        }
        return sum;
    }

    private static void advance(int[] index, int[] sizes) {
        for (int i = index.length - 1; i >= 0; i--) {
            if (++index[i] < sizes[i]) {
                return;
            }
            index[i] = 0;
        }
    }

    /// The indices from..to−1 of an axis.
    public static Tensor slice(Tensor x, int axis, int from, int to) {
        int at = x.shape().axis(axis);
        if (from < 0 || to < from || to > x.dim(at)) {
            throw new ShapeException("slice: " + from + ".." + to + " is outside axis " + axis + " of " + x);
        }
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape().with(at, to - from));
        copyRuns(x, at, from, y, 0, to - from);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = Tensor.zeros(x.dtype(), x.shape());
                    copyRuns(dy, at, 0, dx, from, to - from);
                    return new Tensor[] {dx};
                },
                x);
    }

    /// Joins tensors along an axis; all other sizes are equal.
    public static Tensor concatenate(int axis, Tensor... parts) {
        Tensor first = parts[0];
        int at = first.shape().axis(axis);
        int size = 0;
        for (Tensor part : parts) {
            if (!part.shape().with(at, 1).equals(first.shape().with(at, 1)) || part.dtype() != first.dtype()) {
                throw new ShapeException("concatenate: " + part + " does not fit " + first + " along axis " + axis);
            }
            size += part.dim(at);
        }
        Tensor y = Tensor.uninitialised(first.dtype(), first.shape().with(at, size));
        int start = 0;
        for (Tensor part : parts) {
            copyRuns(part, at, 0, y, start, part.dim(at));
            start += part.dim(at);
        }
        return Autograd.record(y, dy -> split(dy, at, parts), parts);
    }

    private static Tensor[] split(Tensor dy, int axis, Tensor[] parts) {
        Tensor[] gradients = new Tensor[parts.length];
        int start = 0;
        for (int i = 0; i < parts.length; i++) {
            gradients[i] = slice(dy, axis, start, start + parts[i].dim(axis));
            start += parts[i].dim(axis);
        }
        return gradients;
    }

    // Copies `count` indices of an axis, from index `from` of x to index `start` of y, for all outer indices.
    private static void copyRuns(Tensor x, int axis, int from, Tensor y, int start, int count) {
        long inner = x.shape().product(axis + 1, x.rank()) * x.dtype().bytes();
        long outer = x.shape().product(0, axis);
        long run = count * inner;
        if (run == 0) {
            return;
        }
        long source = x.address() + from * inner;
        long target = y.address() + start * inner;
        long sourceStep = x.dim(axis) * inner;
        long targetStep = y.dim(axis) * inner;
        Parallel.ranges(
                outer,
                Math.max(1, COPY_GRAIN_BYTES / run),
                (low, high) -> {
                    for (long o = low; o < high; o++) {
                        Native.copy(source + o * sourceStep, target + o * targetStep, run);
                    }
                });
    }

    /// Repeats axes of size 1 (and missing leading axes) up to a shape.
    public static Tensor expand(Tensor x, Shape shape) {
        if (x.shape().equals(shape)) {
            // Recording would replace the place that x itself has on the tape.
            return x;
        }
        return Autograd.record(expandCopy(x, shape), dy -> new Tensor[] {Reduction.sumTo(dy, x.shape())}, x);
    }

    static Tensor expandCopy(Tensor x, Shape shape) {
        if (x.shape().equals(shape)) {
            return x;
        }
        if (!broadcastShape(x.shape(), shape).equals(shape)) {
            throw new ShapeException("expand: " + x.shape() + " does not repeat into " + shape);
        }
        long[] strides = new long[shape.rank()];
        int extra = shape.rank() - x.rank();
        for (int i = extra; i < shape.rank(); i++) {
            int axis = i - extra;
            strides[i] = x.dim(axis) == 1 ? 0 : x.shape().product(axis + 1, x.rank()) * x.dtype().bytes();
        }
        Tensor y = Tensor.uninitialised(x.dtype(), shape);
        copyStrided(x.address(), strides, y);
        return Autograd.record(y, dy -> new Tensor[] {Reduction.sumTo(dy, x.shape())}, x.detach());
    }

    /// The shape that two shapes broadcast to, as in NumPy.
    ///
    /// @throws ShapeException if they do not
    public static Shape broadcastShape(Shape a, Shape b) {
        int rank = Math.max(a.rank(), b.rank());
        int[] sizes = new int[rank];
        for (int i = 1; i <= rank; i++) {
            int left = i <= a.rank() ? a.dim(-i) : 1;
            int right = i <= b.rank() ? b.dim(-i) : 1;
            if (left != right && left != 1 && right != 1) {
                throw new ShapeException(
                        "operands: shapes "
                                + a
                                + " and "
                                + b
                                + " do not broadcast; sizes must be "
                                + "equal or 1, from the last axis on");
            }
            sizes[rank - i] = left == 1 ? right : left;
        }
        return Shape.of(sizes);
    }

    /// Where `keep` (BOOL, broadcastable to x) is false, `value` instead of x; no gradient flows to those elements.
    public static Tensor fillWhere(Tensor x, Tensor keep, double value) {
        Tensor mask = expandCopy(keep, x.shape());
        Tensor y = x.copy();
        overwrite(y, mask, value);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = dy.copy();
                    overwrite(dx, mask, 0);
                    return new @Nullable Tensor[] {dx, null};
                },
                x,
                mask);
    }

    private static void overwrite(Tensor y, Tensor mask, double value) {
        long address = y.address();
        long flags = mask.address();
        boolean wide = y.dtype().bytes() == 8;
        for (long i = 0; i < y.elements(); i++) {
            if (!Native.getBoolean(flags + i)) {
                if (wide) {
                    Native.setDouble(address + 8 * i, value);
                } else {
                    Native.setFloat(address + 4 * i, (float) value);
                }
            }
        }
    }

    /// Splits the last axis in equal parts: `[…, n·W]` → n tensors `[…, W]`.
    public static List<Tensor> chunk(Tensor x, int parts) {
        int width = x.shape().cols() / parts;
        if (width * parts != x.shape().cols()) {
            throw new ShapeException("chunk: the last axis of " + x + " does not divide into " + parts + " parts");
        }
        Tensor[] chunks = new Tensor[parts];
        Arrays.setAll(chunks, i -> slice(x, -1, i * width, (i + 1) * width));
        return List.of(chunks);
    }
}
