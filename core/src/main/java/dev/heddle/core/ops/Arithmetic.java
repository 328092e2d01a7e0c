package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.kernel.Kernels.Binary;
import dev.heddle.core.kernel.Kernels.Unary;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Element-wise arithmetic. Operands of different shapes are broadcast as in NumPy; a trailing row (a bias) is repeated
/// without a copy.
public final class Arithmetic {
    private Arithmetic() {}

    /// `a + b`.
    public static Tensor add(Tensor a, Tensor b) {
        Tensor y = apply(Binary.ADD, a, b);
        return Autograd.record(
                y,
                dy -> new @Nullable Tensor[] {wanted(a) ? reduce(dy, a) : null, wanted(b) ? reduce(dy, b) : null},
                a,
                b);
    }

    /// `a − b`.
    public static Tensor subtract(Tensor a, Tensor b) {
        Tensor y = apply(Binary.SUBTRACT, a, b);
        return Autograd.record(
                y,
                dy ->
                        new @Nullable Tensor[] {
                            wanted(a) ? reduce(dy, a) : null, wanted(b) ? reduce(scale(dy, -1), b) : null
                        },
                a,
                b);
    }

    /// `a · b`, element by element.
    public static Tensor multiply(Tensor a, Tensor b) {
        Tensor y = apply(Binary.MULTIPLY, a, b);
        return Autograd.record(
                y,
                dy ->
                        new @Nullable Tensor[] {
                            wanted(a) ? reduce(apply(Binary.MULTIPLY, dy, b), a) : null,
                            wanted(b) ? reduce(apply(Binary.MULTIPLY, dy, a), b) : null
                        },
                a,
                b);
    }

    /// `a / b`, element by element.
    public static Tensor divide(Tensor a, Tensor b) {
        Tensor y = apply(Binary.DIVIDE, a, b);
        return Autograd.record(
                y,
                dy -> {
                    Tensor da = apply(Binary.DIVIDE, dy, b);
                    Tensor db = wanted(b) ? reduce(scale(apply(Binary.MULTIPLY, da, y), -1), b) : null;
                    return new @Nullable Tensor[] {wanted(a) ? reduce(da, a) : null, db};
                },
                a,
                b);
    }

    /// `scale · a`.
    public static Tensor scale(Tensor a, double scale) {
        return affine(a, scale, 0);
    }

    /// `scale · a + shift`.
    public static Tensor affine(Tensor a, double scale, double shift) {
        Tensor y = Tensor.uninitialised(a.dtype(), a.shape());
        a.dtype().kernels().affine(a.address(), scale, shift, y.address(), y.elements());
        return Autograd.record(y, dy -> new Tensor[] {affine(dy, scale, 0)}, a);
    }

    public static Tensor exp(Tensor a) {
        Tensor y = unary(Unary.EXP, a);
        return Autograd.record(y, dy -> new Tensor[] {multiply(dy, y.detach())}, a);
    }

    public static Tensor log(Tensor a) {
        Tensor y = unary(Unary.LOG, a);
        return Autograd.record(y, dy -> new Tensor[] {divide(dy, a)}, a);
    }

    public static Tensor sqrt(Tensor a) {
        Tensor y = unary(Unary.SQRT, a);
        return Autograd.record(y, dy -> new Tensor[] {scale(divide(dy, y), 0.5)}, a);
    }

    public static Tensor tanh(Tensor a) {
        Tensor y = unary(Unary.TANH, a);
        return Autograd.record(y, dy -> new Tensor[] {multiply(dy, affine(unary(Unary.SQUARE, y), -1, 1))}, a);
    }

    public static Tensor square(Tensor a) {
        Tensor y = unary(Unary.SQUARE, a);
        return Autograd.record(y, dy -> new Tensor[] {scale(multiply(dy, a), 2)}, a);
    }

    private static Tensor unary(Unary op, Tensor a) {
        Tensor y = Tensor.uninitialised(a.dtype(), a.shape());
        a.dtype().kernels().unary(op, a.address(), y.address(), y.elements());
        return y;
    }

    private static boolean wanted(Tensor input) {
        return input.isDifferentiable();
    }

    private static Tensor reduce(Tensor gradient, Tensor input) {
        return Reduction.sumTo(gradient, input.shape());
    }

    private static Tensor apply(Binary op, Tensor a, Tensor b) {
        if (a.dtype() != b.dtype()) {
            throw new ShapeException("operands: " + a + " and " + b + " are of different types; cast one of them");
        }
        Kernels kernels = a.dtype().kernels();
        Shape shape = Layout.broadcastShape(a.shape(), b.shape());
        Tensor y = Tensor.uninitialised(a.dtype(), shape);
        if (a.shape().equals(shape) && isTrailing(b.shape(), shape)) {
            int cols = Math.toIntExact(b.elements());
            if (b.elements() == a.elements()) {
                kernels.binary(op, a.address(), b.address(), y.address(), y.elements());
            } else if (cols > 0) {
                kernels.binaryRow(op, a.address(), b.address(), y.address(), y.elements() / cols, cols);
            }
            return y;
        }
        Tensor left = Layout.expandCopy(a, shape);
        Tensor right = Layout.expandCopy(b, shape);
        kernels.binary(op, left.address(), right.address(), y.address(), y.elements());
        return Autograd.record(y, dy -> new Tensor[0], left.detach(), right.detach());
    }

    // True if b's sizes are the last sizes of the shape, so that b repeats as one contiguous row.
    private static boolean isTrailing(Shape b, Shape shape) {
        int skipped = shape.rank() - b.rank();
        for (int i = 0; i < b.rank(); i++) {
            if (b.dim(i) != shape.dim(i + skipped)) {
                return false;
            }
        }
        return true;
    }
}
