package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// Layer norm (arXiv 1607.06450) and RMS norm (arXiv 1910.07467) over the last axis, any leading shape.
public final class Normalization {
    private Normalization() {}

    /// `(x − mean)/√(var + eps) · weight + bias`, biased variance; `weight` and `bias` `[D]` may be absent.
    public static Tensor layerNorm(Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, double eps) {
        check(x, weight);
        check(x, bias);
        Kernels kernels = x.dtype().kernels();
        long rows = x.shape().rows();
        int cols = x.shape().cols();
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape());
        Tensor mean = Tensor.uninitialised(x.dtype(), Math.toIntExact(rows));
        Tensor rstd = Tensor.uninitialised(x.dtype(), Math.toIntExact(rows));
        kernels.layerNorm(
                x.address(),
                address(weight),
                address(bias),
                eps,
                y.address(),
                mean.address(),
                rstd.address(),
                rows,
                cols);
        Tensor[] inputs = present(x, weight, bias);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = Tensor.uninitialised(x.dtype(), x.shape());
                    Tensor dWeight = weight == null ? null : Tensor.zeros(x.dtype(), cols);
                    Tensor dBias = bias == null ? null : Tensor.zeros(x.dtype(), cols);
                    kernels.layerNormBackward(
                            x.address(),
                            address(weight),
                            mean.address(),
                            rstd.address(),
                            dy.address(),
                            dx.address(),
                            address(dWeight),
                            address(dBias),
                            rows,
                            cols);
                    return present(dx, dWeight, dBias);
                },
                inputs);
    }

    /// `x/√(mean(x²) + eps) · (offset + weight)`; `weight` `[D]` may be absent, `offset` is 1 in Gemma, else 0.
    public static Tensor rmsNorm(Tensor x, @Nullable Tensor weight, double offset, double eps) {
        check(x, weight);
        Kernels kernels = x.dtype().kernels();
        long rows = x.shape().rows();
        int cols = x.shape().cols();
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape());
        Tensor rstd = Tensor.uninitialised(x.dtype(), Math.toIntExact(rows));
        kernels.rmsNorm(x.address(), address(weight), offset, eps, y.address(), rstd.address(), rows, cols);
        Tensor[] inputs = present(x, weight);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = Tensor.uninitialised(x.dtype(), x.shape());
                    Tensor dWeight = weight == null ? null : Tensor.zeros(x.dtype(), cols);
                    kernels.rmsNormBackward(
                            x.address(),
                            address(weight),
                            offset,
                            rstd.address(),
                            dy.address(),
                            dx.address(),
                            address(dWeight),
                            rows,
                            cols);
                    return present(dx, dWeight);
                },
                inputs);
    }

    private static void check(Tensor x, @Nullable Tensor perColumn) {
        if (perColumn != null && perColumn.elements() != x.shape().cols()) {
            throw new ShapeException(
                    "norm: weight "
                            + perColumn.shape()
                            + " does not fit the last axis of "
                            + x.shape()
                            + "; it must have "
                            + x.shape().cols()
                            + " elements");
        }
    }

    private static long address(@Nullable Tensor tensor) {
        return tensor == null ? 0 : tensor.address();
    }

    private static Tensor[] present(@Nullable Tensor... tensors) {
        List<Tensor> list = new ArrayList<>();
        for (Tensor tensor : tensors) {
            if (tensor != null) {
                list.add(tensor);
            }
        }
        return list.toArray(new Tensor[0]);
    }
}
