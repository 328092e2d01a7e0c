package dev.heddle.attention.kernel;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Tensor;

/// A differentiable bias on the scores, as tensors. See [ScoreBias] for what it means.
public sealed interface AttentionBias {
    /// One value per head and distance: `[H, N+M-1]`, the pair of query `i` and key `j` at `(j − (i + M − N)) + (M − 1)`.
    record Toeplitz(Tensor values) implements AttentionBias {}

    /// One value per pair: broadcastable to `[B, H, N, M]` (leading axes may be absent).
    record Dense(Tensor values) implements AttentionBias {}

    /// The tensor that gradients flow to.
    Tensor values();

    /// The bias on raw memory.
    ///
    /// @throws ShapeException if the tensor does not fit the call's sizes
    default ScoreBias onMemory(AttentionShape shape) {
        return switch (this) {
            case Toeplitz(Tensor values) -> {
                int diagonals = shape.queries() + shape.keys() - 1;
                if (values.rank() != 2 || values.dim(0) != shape.heads() || values.dim(1) != diagonals) {
                    throw new ShapeException(
                            "bias: "
                                    + values.shape()
                                    + " is not one value per head and distance; use ["
                                    + shape.heads()
                                    + ", "
                                    + diagonals
                                    + "]");
                }
                yield new ScoreBias.Toeplitz(values.address());
            }
            case Dense(Tensor values) -> {
                long[] strides = Broadcast.strides("bias", values, shape);
                yield new ScoreBias.Dense(values.address(), strides[0], strides[1], strides[2], strides[3]);
            }
        };
    }
}
