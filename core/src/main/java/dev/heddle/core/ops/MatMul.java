package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Autograd.Backward;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Matrix products. Leading axes are a batch; a second factor of rank 2 is shared by the whole batch.
public final class MatMul {
    private MatMul() {}

    /// `a · b`: `[…, M, K] · […, K, N]` → `[…, M, N]`.
    public static Tensor product(Tensor a, Tensor b) {
        return product(a, false, b, false);
    }

    /// `a · bᵀ`: `[…, M, K] · […, N, K]` → `[…, M, N]`; with b = W `[out, in]` this is a linear layer.
    public static Tensor productTransposed(Tensor a, Tensor b) {
        return product(a, false, b, true);
    }

    /// `x · wᵀ + bias`: `[…, in]`, `[out, in]`, `[out]` → `[…, out]`.
    public static Tensor linear(Tensor x, Tensor w, @Nullable Tensor bias) {
        checkLinear(x, w);
        Shape out = x.shape().with(-1, w.dim(0));
        Tensor y = Layout.reshape(productTransposed(Layout.reshape(x, rows(x)), w), out);
        return bias == null ? y : Arithmetic.add(y, bias);
    }

    /// `act(x · wᵀ + bias)`, bias and activation in one pass over the product; shapes as without an activation.
    public static Tensor linear(Tensor x, Tensor w, @Nullable Tensor bias, Activation activation) {
        if (activation == Activation.IDENTITY) {
            return linear(x, w, bias);
        }
        checkLinear(x, w);
        if (bias != null && (bias.elements() != w.dim(0) || bias.dtype() != w.dtype())) {
            throw new ShapeException("linear: bias " + bias + " does not fit weight " + w);
        }
        Kernels kernels = x.dtype().kernels();
        Tensor folded = fold(x);
        // The product is nobody else's, so it becomes the pre-activation in place.
        Tensor before = multiply(folded, false, w, true);
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape().with(-1, w.dim(0)));
        long address = before.address();
        kernels.biasActivation(
                activation,
                address,
                bias == null ? 0 : bias.address(),
                address,
                y.address(),
                before.dim(0),
                before.dim(1));
        Backward backward =
                dy -> {
                    Tensor dBefore = Tensor.uninitialised(before.dtype(), before.shape());
                    kernels.activationBackward(
                            activation, before.address(), dy.address(), dBefore.address(), dBefore.elements());
                    Tensor dx = x.isDifferentiable() ? multiply(dBefore, false, w, false).viewAs(x.shape()) : null;
                    Tensor dw = w.isDifferentiable() ? multiply(dBefore, true, folded, false) : null;
                    return bias == null
                            ? new @Nullable Tensor[] {dx, dw}
                            : new @Nullable Tensor[] {dx, dw, Reduction.sumTo(dBefore, bias.shape())};
                };
        return bias == null ? Autograd.record(y, backward, x, w) : Autograd.record(y, backward, x, w, bias);
    }

    private static void checkLinear(Tensor x, Tensor w) {
        if (w.rank() != 2 || x.rank() < 1 || x.dim(-1) != w.dim(1) || w.dtype() != x.dtype()) {
            throw new ShapeException(
                    "linear: input "
                            + x
                            + " does not fit weight "
                            + w
                            + "; its last axis and type must be the weight's");
        }
    }

    private static Shape rows(Tensor x) {
        return Shape.of(Math.toIntExact(x.shape().rows()), x.dim(-1));
    }

    private static Tensor product(Tensor a, boolean transA, Tensor b, boolean transB) {
        Tensor y = multiply(a, transA, b, transB);
        boolean shared = b.rank() == 2 && a.rank() > 2;
        return Autograd.record(
                y,
                dy ->
                        new @Nullable Tensor[] {
                            a.isDifferentiable() ? gradientOfA(dy, transA, b, transB) : null,
                            b.isDifferentiable() ? gradientOfB(dy, a, transA, transB, shared) : null
                        },
                a,
                b);
    }

    // y = op(a)·op(b): d op(a) = dy·op(b)ᵀ; where a is stored transposed, the transpose of that.
    private static Tensor gradientOfA(Tensor dy, boolean transA, Tensor b, boolean transB) {
        return transA ? multiply(b, transB, dy, true) : multiply(dy, false, b, !transB);
    }

    private static Tensor gradientOfB(Tensor dy, Tensor a, boolean transA, boolean transB, boolean shared) {
        Tensor rows = shared ? fold(dy) : dy;
        Tensor left = shared ? fold(a) : a;
        return transB ? multiply(rows, true, left, transA) : multiply(left, !transA, rows, false);
    }

    // A shared factor sees the batch as more rows.
    private static Tensor fold(Tensor x) {
        return x.detach().viewAs(rows(x));
    }

    private static Tensor multiply(Tensor a, boolean transA, Tensor b, boolean transB) {
        if (a.rank() < 2 || b.rank() < 2 || a.dtype() != b.dtype()) {
            throw mismatch(a, transA, b, transB);
        }
        int m = a.dim(transA ? -1 : -2);
        int k = a.dim(transA ? -2 : -1);
        int n = b.dim(transB ? -2 : -1);
        if (b.dim(transB ? -1 : -2) != k) {
            throw mismatch(a, transA, b, transB);
        }
        boolean shared = b.rank() == 2 && a.rank() > 2;
        if (shared && !transA) {
            return multiply(fold(a), false, b, transB).viewAs(a.shape().with(-1, n));
        }
        Shape batchShape = a.shape().replaceLast(2);
        if (!batchShape.equals(b.shape().replaceLast(2))) {
            throw mismatch(a, transA, b, transB);
        }
        Tensor y = Tensor.uninitialised(a.dtype(), a.shape().replaceLast(2, m, n));
        WorkMeter.add(batchShape.elements() * m * n * k);
        if (m == 1 && transB && batchShape.elements() == 1) {
            a.dtype().kernels().matVec(b.address(), a.address(), 0, y.address(), n, k);
            return y;
        }
        Blas blas = a.dtype().blas();
        blas.gemmBatched(
                transA,
                transB,
                m,
                n,
                k,
                1,
                a.address(),
                a.dim(-1),
                (long) m * k,
                b.address(),
                b.dim(-1),
                (long) k * n,
                0,
                y.address(),
                n,
                (long) m * n,
                Math.toIntExact(batchShape.elements()));
        return Autograd.record(y, dy -> new Tensor[0], a.detach(), b.detach());
    }

    private static ShapeException mismatch(Tensor a, boolean transA, Tensor b, boolean transB) {
        return new ShapeException(
                "matrix product: "
                        + a
                        + (transA ? " transposed" : "")
                        + " times "
                        + b
                        + (transB ? " transposed" : "")
                        + " does not fit; batch axes must be equal, inner sizes and types the same");
    }
}
