package dev.heddle.core.ops;

import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Sums and means.
public final class Reduction {
    private Reduction() {}

    /// The sum of all elements, shape `[]`.
    public static Tensor sum(Tensor x) {
        Tensor y = Tensor.scalar(x.dtype(), x.dtype().kernels().sum(x.address(), x.elements()));
        return Autograd.record(y, dy -> new Tensor[] {Tensor.full(x.dtype(), x.shape(), dy.item())}, x);
    }

    /// The mean of all elements, shape `[]`.
    public static Tensor mean(Tensor x) {
        return Arithmetic.scale(sum(x), 1.0 / x.elements());
    }

    /// The sum over one axis, which disappears.
    public static Tensor sum(Tensor x, int axis) {
        int at = x.shape().axis(axis);
        Shape kept = x.shape().with(at, 1);
        Tensor y = sumAxis(x, at).viewAs(x.shape().without(at));
        return Autograd.record(y, dy -> new Tensor[] {Layout.expandCopy(dy.viewAs(kept), x.shape())}, x);
    }

    /// The sum of a broadcast tensor back to the shape it came from: the backward pass of broadcasting.
    static Tensor sumTo(Tensor x, Shape shape) {
        if (x.shape().equals(shape)) {
            return x;
        }
        Tensor y = x;
        int extra = x.rank() - shape.rank();
        if (extra > 0) {
            int cols = Math.toIntExact(x.shape().product(extra, x.rank()));
            y = Tensor.zeros(x.dtype(), Shape.of(x.shape().toArray()).replaceLast(x.rank(), tail(x.shape(), extra)));
            if (x.elements() > 0) {
                x.dtype().kernels().sumRows(x.address(), y.address(), x.elements() / cols, cols);
            }
        }
        for (int axis = 0; axis < shape.rank(); axis++) {
            if (shape.dim(axis) == 1 && y.dim(axis) != 1) {
                y = sumAxis(y, axis);
            }
        }
        return Autograd.record(y, dy -> new Tensor[] {Layout.expandCopy(dy, x.shape())}, x);
    }

    private static int[] tail(Shape shape, int from) {
        int[] sizes = new int[shape.rank() - from];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = shape.dim(from + i);
        }
        return sizes;
    }

    // The axis stays with size 1.
    private static Tensor sumAxis(Tensor x, int axis) {
        Tensor y = Tensor.zeros(x.dtype(), x.shape().with(axis, 1));
        if (x.elements() == 0) {
            return y;
        }
        Kernels kernels = x.dtype().kernels();
        long outer = x.shape().product(0, axis);
        int size = x.dim(axis);
        int inner = Math.toIntExact(x.shape().product(axis + 1, x.rank()));
        if (inner == 1) {
            kernels.sumCols(x.address(), y.address(), outer, size);
            return y;
        }
        long width = (long) inner * x.dtype().bytes();
        for (long o = 0; o < outer; o++) {
            kernels.sumRows(x.address() + o * size * width, y.address() + o * width, size, inner);
        }
        return y;
    }
}
