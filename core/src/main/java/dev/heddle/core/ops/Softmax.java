package dev.heddle.core.ops;

import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Softmax over the last axis. A row of −∞ only (nothing may be attended) yields zeros and zero gradient.
public final class Softmax {
    private Softmax() {}

    /// `y = exp(x − max) / Σ exp(x − max)`, row by row; any shape.
    public static Tensor softmax(Tensor x) {
        Kernels kernels = x.dtype().kernels();
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape());
        long rows = x.shape().rows();
        int cols = x.shape().cols();
        kernels.softmax(x.address(), y.address(), rows, cols);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = Tensor.uninitialised(x.dtype(), x.shape());
                    kernels.softmaxBackward(y.address(), dy.address(), dx.address(), rows, cols);
                    return new Tensor[] {dx};
                },
                x);
    }

    /// `log Σ exp(x)` of every row: `[…, C]` → `[…]`; −∞ for a row of −∞ only.
    public static Tensor logSumExp(Tensor x) {
        Tensor p = softmax(x.detach());
        Shape rows = x.rank() == 0 ? x.shape() : x.shape().without(-1);
        Tensor y = Tensor.uninitialised(x.dtype(), rows);
        logSumExpRows(x, y);
        return Autograd.record(y, dy -> new Tensor[] {Arithmetic.multiply(p, dy.viewAs(x.shape().with(-1, 1)))}, x);
    }

    private static void logSumExpRows(Tensor x, Tensor y) {
        int cols = x.shape().cols();
        for (long r = 0; r < y.elements(); r++) {
            double max = Double.NEGATIVE_INFINITY;
            for (int c = 0; c < cols; c++) {
                max = Math.max(max, x.at(r * cols + c));
            }
            double sum = 0;
            for (int c = 0; c < cols && max > Double.NEGATIVE_INFINITY; c++) {
                sum += Math.exp(x.at(r * cols + c) - max);
            }
            y.viewAt(r, Shape.of()).fill(max > Double.NEGATIVE_INFINITY ? max + Math.log(sum) : max);
        }
    }
}
