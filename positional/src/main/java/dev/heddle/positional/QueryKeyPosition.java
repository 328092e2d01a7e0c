package dev.heddle.positional;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.tensor.Tensor;

/// Position applied to queries and keys, never to values.
public abstract non-sealed class QueryKeyPosition extends PositionEncoding {
    /// Queries `[B, N, H, D]` at their positions.
    public abstract Tensor onQueries(Tensor queries, Positions positions);

    /// Keys `[B, M, G, D]` at their positions; the cache holds the result.
    public abstract Tensor onKeys(Tensor keys, Positions positions);

    /// Makes the encoding for heads of a given width.
    @FunctionalInterface
    public interface Factory extends StackPart {
        QueryKeyPosition create(int headWidth);
    }
}
