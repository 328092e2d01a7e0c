package dev.heddle.positional;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// Position added to the token embedding.
public abstract non-sealed class EmbeddingPosition extends PositionEncoding {
    /// `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws dev.heddle.core.error.InputException if a position is beyond the table
    public abstract Tensor apply(Tensor x, Positions positions);

    /// Makes the encoding for a stack.
    @FunctionalInterface
    public interface Factory extends StackPart {
        EmbeddingPosition create(int width, Seed seed);
    }
}
