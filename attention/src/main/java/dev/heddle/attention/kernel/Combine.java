package dev.heddle.attention.kernel;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Joins attention over disjoint parts of the keys into attention over all of them:
/// `lse = ln Σ_p exp(lse_p)`, `y = Σ_p exp(lse_p − lse)·y_p`. Differentiable in every part; a part that a query sees no
/// key of contributes nothing.
public final class Combine {
    private final List<Result> parts;
    private final AttentionOptions.Layout layout;
    private final int tokens;
    private final int heads;
    private final int width;

    private Combine(List<Result> parts, AttentionOptions.Layout layout) {
        this.parts = parts;
        this.layout = layout;
        Tensor y = parts.getFirst().y();
        heads = y.dim(layout == AttentionOptions.Layout.TOKEN_MAJOR ? 2 : 1);
        tokens = y.dim(layout == AttentionOptions.Layout.TOKEN_MAJOR ? 1 : 2);
        width = y.dim(3);
    }

    /// Combines the results of attending with the same queries to disjoint parts of the keys.
    ///
    /// @param layout of the parts' `y`
    /// @throws ShapeException if there is no part or the parts differ in shape
    public static Result combine(List<Result> parts, AttentionOptions.Layout layout) {
        if (parts.isEmpty()) {
            throw new ShapeException("combine: no parts; give at least one");
        }
        for (Result part : parts) {
            if (!part.y().shape().equals(parts.getFirst().y().shape())
                    || !part.lse().shape().equals(parts.getFirst().lse().shape())
                    || part.y().dtype() != parts.getFirst().y().dtype()) {
                throw new ShapeException(
                        "combine: part "
                                + part.y().shape()
                                + " differs from "
                                + parts.getFirst().y().shape()
                                + "; parts must have one shape and type");
            }
        }
        return new Combine(List.copyOf(parts), layout).run();
    }

    private Result run() {
        Tensor y = Tensor.uninitialised(dtype(), parts.getFirst().y().shape());
        Tensor lse = Tensor.uninitialised(dtype(), parts.getFirst().lse().shape());
        double[] row = new double[width];
        for (long r = 0; r < lse.elements(); r++) {
            double total = total(r);
            set(lse, r, total);
            Arrays.fill(row, 0);
            for (Result part : parts) {
                double weight = weight(part, r, total);
                for (int d = 0; weight != 0 && d < width; d++) {
                    row[d] += weight * part.y().at(first(r) + d);
                }
            }
            for (int d = 0; d < width; d++) {
                set(y, first(r) + d, row[d]);
            }
        }
        List<Tensor> inputs = new ArrayList<>();
        parts.forEach(
                part -> {
                    inputs.add(part.y());
                    inputs.add(part.lse());
                });
        Tensor savedY = y.detach();
        Tensor savedLse = lse.detach();
        Autograd.record(
                List.of(y, lse),
                gradients -> backward(savedY, savedLse, gradients[0], gradients[1]),
                inputs.toArray(Tensor[]::new));
        return new Result(y, lse);
    }

    /// With weights `w_p = exp(lse_p − lse)`: `dy_p = w_p·dy` and `dlse_p = w_p·(dy·(y_p − y) + dlse)`.
    private @Nullable Tensor[] backward(Tensor y, Tensor lse, @Nullable Tensor dy, @Nullable Tensor dlse) {
        @Nullable Tensor[] gradients = new Tensor[2 * parts.size()];
        for (int p = 0; p < parts.size(); p++) {
            Result part = parts.get(p);
            Tensor partY = Tensor.zeros(dtype(), y.shape());
            Tensor partLse = Tensor.zeros(dtype(), lse.shape());
            for (long r = 0; r < lse.elements(); r++) {
                double weight = weight(part, r, lse.at(r));
                double slope = dlse == null ? 0 : dlse.at(r);
                for (long d = first(r); weight != 0 && dy != null && d < first(r) + width; d++) {
                    set(partY, d, weight * dy.at(d));
                    slope += dy.at(d) * (part.y().at(d) - y.at(d));
                }
                set(partLse, r, weight == 0 ? 0 : weight * slope);
            }
            gradients[2 * p] = partY;
            gradients[2 * p + 1] = partLse;
        }
        return gradients;
    }

    private DType dtype() {
        return parts.getFirst().y().dtype();
    }

    private double total(long row) {
        double max = Double.NEGATIVE_INFINITY;
        for (Result part : parts) {
            max = Math.max(max, part.lse().at(row));
        }
        if (max == Double.NEGATIVE_INFINITY) {
            return max;
        }
        double sum = 0;
        for (Result part : parts) {
            sum += Math.exp(part.lse().at(row) - max);
        }
        return max + Math.log(sum);
    }

    private static double weight(Result part, long row, double total) {
        return total == Double.NEGATIVE_INFINITY ? 0 : Math.exp(part.lse().at(row) - total);
    }

    /// The index in `y` of the first feature of row `[b, h, i]` of `lse`.
    private long first(long row) {
        if (layout == AttentionOptions.Layout.HEAD_MAJOR) {
            return row * width;
        }
        long i = row % tokens;
        long h = row / tokens % heads;
        long b = row / tokens / heads;
        return ((b * tokens + i) * heads + h) * width;
    }

    private static void set(Tensor tensor, long index, double value) {
        long address = tensor.address();
        if (tensor.dtype() == DType.F64) {
            Native.setDouble(address + Double.BYTES * index, value);
        } else {
            Native.setFloat(address + Float.BYTES * index, (float) value);
        }
    }
}
