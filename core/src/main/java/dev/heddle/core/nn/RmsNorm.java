package dev.heddle.core.nn;

import dev.heddle.core.ops.Normalization;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// RMS norm (arXiv 1910.07467) with an optional parameter `weight` `[D]`; Gemma's form multiplies by `1 + weight`.
public final class RmsNorm extends Norm {
    private final @Nullable Parameter weight;
    private final double offset;
    private final double eps;

    private RmsNorm(int width, double eps, boolean affine, boolean gemma) {
        LayerNorm.checkNorm(width, eps);
        this.eps = eps;
        this.offset = gemma ? 1 : 0;
        this.weight = affine ? parameter("weight", Tensor.full(DType.F32, Shape.of(width), 1 - offset)) : null;
    }

    /// @throws dev.heddle.core.error.ConfigException if the width is less than 1 or eps is negative
    public static RmsNorm of(int width, double eps) {
        return new RmsNorm(width, eps, true, false);
    }

    /// Without a weight.
    public static RmsNorm plain(int width, double eps) {
        return new RmsNorm(width, eps, false, false);
    }

    /// With the factor `1 + weight`.
    public static RmsNorm gemma(int width, double eps) {
        return new RmsNorm(width, eps, true, true);
    }

    @Override
    public Tensor forward(Tensor x) {
        return Normalization.rmsNorm(x, weight == null ? null : weight.value(), offset, eps);
    }
}
