package dev.heddle.attention.kernel;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.List;
import java.util.stream.Stream;

/// Joins attention over parts of the keys into attention over all of them:
/// `lse = ln Σ_p exp(lse_p)`, `y = Σ_p w_p·y_p` with the weights `w_p = exp(lse_p − lse)`. A part that a query sees no
/// key of contributes nothing. A key that is in several parts counts several times.
public final class Combine {
    /// Elements in a task: some tens of microseconds.
    private static final int GRAIN = 1 << 15;

    private final List<Result> parts;
    private final AttentionOptions.Layout layout;
    private final Weights weights;
    private final DType dtype;
    private final int tokens;
    private final int heads;
    private final int width;

    /// What the weights of the mixture are to a gradient.
    public enum Weights {
        /// Functions of the scores: gradients are those of attention over all keys.
        DIFFERENTIATED,
        /// Constants: gradients reach the parts' `y` only, and the joint `lse` is a constant.
        CONSTANT
    }

    private Combine(List<Result> parts, AttentionOptions.Layout layout, Weights weights) {
        this.parts = parts;
        this.layout = layout;
        this.weights = weights;
        Tensor y = parts.getFirst().y();
        dtype = y.dtype();
        heads = y.dim(layout == AttentionOptions.Layout.TOKEN_MAJOR ? 2 : 1);
        tokens = y.dim(layout == AttentionOptions.Layout.TOKEN_MAJOR ? 1 : 2);
        width = y.dim(3);
    }

    /// Combines the results of attending with the same queries to disjoint parts of the keys.
    ///
    /// @param layout of the parts' `y`
    /// @throws ShapeException if there is no part or the parts differ in shape
    public static Result combine(List<Result> parts, AttentionOptions.Layout layout) {
        return combine(parts, layout, Weights.DIFFERENTIATED);
    }

    /// As [#combine(List, AttentionOptions.Layout)], with a choice of what gradients see of the weights.
    public static Result combine(List<Result> parts, AttentionOptions.Layout layout, Weights weights) {
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
        return new Combine(List.copyOf(parts), layout, weights).run();
    }

    private Result run() {
        Tensor y = Tensor.uninitialised(dtype, parts.getFirst().y().shape());
        Tensor lse = Tensor.uninitialised(dtype, parts.getFirst().lse().shape());
        Rows rows = new Rows(y.address(), lse.address());
        Parallel.ranges(lse.elements(), grain(), (from, to) -> forward(rows, from, to));
        // Without their place on the tape, or saved outputs would keep themselves alive through it.
        Tensor savedY = y.detach();
        Tensor savedLse = lse.detach();
        if (weights == Weights.CONSTANT) {
            Autograd.record(y, dy -> backward(savedY, savedLse, dy, null), inputs());
        } else {
            Autograd.record(
                    List.of(y, lse), gradients -> backward(savedY, savedLse, gradients[0], gradients[1]), inputs());
        }
        return new Result(y, lse);
    }

    private Tensor[] inputs() {
        return parts.stream().flatMap(part -> Stream.of(part.y(), part.lse())).toArray(Tensor[]::new);
    }

    /// Where everything lies, and the index of a row of `y` in `lse`.
    private final class Rows {
        final long y;
        final long lse;
        final long[] partY = parts.stream().mapToLong(part -> part.y().address()).toArray();
        final long[] partLse = parts.stream().mapToLong(part -> part.lse().address()).toArray();
        final Elements store = dtype == DType.F64 ? Elements.F64 : Elements.F32;
        final long bytes = (long) width * dtype.bytes();

        Rows(long y, long lse) {
            this.y = y;
            this.lse = lse;
        }

        CombinedRow arithmetic() {
            return dtype == DType.F32 && KernelProvider.isVector()
                    ? new CombinedRow.Vectors(width)
                    : new CombinedRow.Scalars(store, width);
        }

        long index(long row) {
            if (layout == AttentionOptions.Layout.HEAD_MAJOR) {
                return row;
            }
            long token = row / heads;
            return (token / tokens * heads + row % heads) * tokens + token % tokens;
        }

        double total(long index) {
            double max = Double.NEGATIVE_INFINITY;
            for (long part : partLse) {
                max = Math.max(max, store.get(part, index));
            }
            if (max == Double.NEGATIVE_INFINITY) {
                return max;
            }
            double sum = 0;
            for (long part : partLse) {
                sum += weight(store.get(part, index), max);
            }
            return max + Math.log(sum);
        }
    }

    private static double weight(double part, double total) {
        return part == Double.NEGATIVE_INFINITY ? 0 : Math.exp(part - total);
    }

    private long grain() {
        return Math.max(1, GRAIN / (parts.size() * (long) Math.max(1, width)));
    }

    private void forward(Rows rows, long from, long to) {
        CombinedRow arithmetic = rows.arithmetic();
        long[] live = new long[parts.size()];
        double[] weight = new double[parts.size()];
        for (long row = from; row < to; row++) {
            long index = rows.index(row);
            double total = rows.total(index);
            rows.store.set(rows.lse, index, total);
            int count = 0;
            for (int p = 0; p < live.length; p++) {
                double w = weight(rows.store.get(rows.partLse[p], index), total);
                if (w != 0) {
                    weight[count] = w;
                    live[count++] = rows.partY[p] + row * rows.bytes;
                }
            }
            arithmetic.mix(weight, live, count, rows.y + row * rows.bytes);
        }
    }

    // dy_p = w_p·dy and dlse_p = w_p·(dy·(y_p − y) + dlse).
    private @Nullable Tensor[] backward(Tensor y, Tensor lse, @Nullable Tensor dy, @Nullable Tensor dlse) {
        @Nullable Tensor[] gradients = new Tensor[2 * parts.size()];
        Rows rows = new Rows(y.address(), lse.address());
        for (int p = 0; p < parts.size(); p++) {
            Tensor partY = dy == null ? null : Tensor.uninitialised(dtype, y.shape());
            Tensor partLse = weights == Weights.CONSTANT ? null : Tensor.uninitialised(dtype, lse.shape());
            Gradient gradient = new Gradient(rows, p, address(dy), address(dlse), address(partY), address(partLse));
            Parallel.ranges(lse.elements(), grain(), gradient::run);
            gradients[2 * p] = partY;
            gradients[2 * p + 1] = partLse;
        }
        Reference.reachabilityFence(List.of(y, lse, this));
        Reference.reachabilityFence(dy);
        Reference.reachabilityFence(dlse);
        return gradients;
    }

    private static long address(@Nullable Tensor tensor) {
        return tensor == null ? 0 : tensor.address();
    }

    /// The gradient of one part; an address is 0 where there is no such tensor.
    private record Gradient(Rows rows, int part, long dy, long dlse, long partY, long partLse) {
        void run(long from, long to) {
            CombinedRow arithmetic = rows.arithmetic();
            for (long row = from; row < to; row++) {
                long index = rows.index(row);
                double total = rows.store.get(rows.lse, index);
                double w = weight(rows.store.get(rows.partLse[part], index), total);
                long at = row * rows.bytes;
                if (partY != 0) {
                    arithmetic.scale(w, dy + at, partY + at);
                }
                if (partLse != 0) {
                    rows.store.set(partLse, index, w == 0 ? 0 : w * slope(arithmetic, index, at));
                }
            }
        }

        private double slope(CombinedRow arithmetic, long index, long at) {
            double slope = dlse == 0 ? 0 : rows.store.get(dlse, index);
            return dy == 0 ? slope : slope + arithmetic.slope(dy + at, rows.partY[part] + at, rows.y + at);
        }
    }
}
