package dev.heddle.core.nn;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.ops.Normalization;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Layer norm (arXiv 1607.06450) with parameters `weight` and `bias` `[D]`, each optional.
public final class LayerNorm extends Norm {
    private final @Nullable Parameter weight;
    private final @Nullable Parameter bias;
    private final double eps;

    /// @throws ConfigException if the width is less than 1 or eps is negative
    public LayerNorm(int width, double eps, boolean affine, boolean bias) {
        checkNorm(width, eps);
        this.eps = eps;
        this.weight = affine ? parameter("weight", Tensor.full(DType.F32, Shape.of(width), 1)) : null;
        this.bias = affine && bias ? parameter("bias", Tensor.zeros(DType.F32, width)) : null;
    }

    static void checkNorm(int width, double eps) {
        if (width < 1) {
            throw new ConfigException("norm: width " + width + " is less than 1; use 1 or more");
        }
        if (!(eps >= 0)) {
            throw new ConfigException("norm: eps " + eps + " is not a number of 0 or more; use for example 1e-5");
        }
    }

    @Override
    public Tensor forward(Tensor x) {
        return Normalization.layerNorm(
                x, weight == null ? null : weight.value(), bias == null ? null : bias.value(), eps);
    }
}
