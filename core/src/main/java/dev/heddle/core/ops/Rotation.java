package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// The rotation of column pairs that rotary encodings are made of.
public final class Rotation {
    private Rotation() {}

    /// Rotates the first `2·W` columns of every head by its token's angles.
    ///
    /// @param x `[B, N, H, D]` (or any shape that ends in `N, H, D`)
    /// @param cos `[N, W]`, the cosines (times the attention factor, if any)
    /// @param sin `[N, W]`
    /// @param interleaved pairs columns (2i, 2i+1); otherwise (i, i + W)
    /// @throws ShapeException if the tables do not fit
    public static Tensor rotate(Tensor x, Tensor cos, Tensor sin, boolean interleaved) {
        if (x.rank() < 3
                || cos.rank() != 2
                || !cos.shape().equals(sin.shape())
                || cos.dim(0) != x.dim(-3)
                || 2 * cos.dim(1) > x.dim(-1)
                || cos.dtype() != x.dtype()) {
            throw new ShapeException(
                    "rotary: tables "
                            + cos
                            + " and "
                            + sin.shape()
                            + " do not fit "
                            + x.shape()
                            + "; [N, W] for [B, N, H, D] with 2W ≤ D and the same type are needed");
        }
        Tensor y = apply(x, cos, sin, interleaved, false);
        return Autograd.record(
                y, dy -> new @Nullable Tensor[] {apply(dy, cos, sin, interleaved, true), null, null}, x, cos, sin);
    }

    private static Tensor apply(Tensor x, Tensor cos, Tensor sin, boolean interleaved, boolean inverse) {
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape());
        int heads = x.dim(-2);
        int width = x.dim(-1);
        long tokens = heads == 0 || width == 0 ? 0 : x.elements() / ((long) heads * width);
        x.dtype()
                .kernels()
                .rotary(
                        x.address(),
                        y.address(),
                        cos.address(),
                        sin.address(),
                        tokens,
                        cos.dim(0),
                        heads,
                        width,
                        2 * cos.dim(1),
                        interleaved,
                        inverse);
        return y;
    }
}
