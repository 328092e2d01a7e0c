package dev.heddle.positional;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

/// Position added to the scaled scores, as a function of head and distance only.
public abstract non-sealed class ScorePosition extends PositionEncoding {
    /// The bias by distance, `[H, N + M − 1]`: the entry for key j and the query at absolute position i' = i + M − N is
    /// at index `(j − i') + (M − 1)`. Differentiable where the encoding is learned.
    public abstract Tensor biasByDistance(int queries, int keys, DType dtype);

    /// Makes the encoding for a number of heads.
    @FunctionalInterface
    public interface Factory extends StackPart {
        ScorePosition create(int heads);
    }
}
