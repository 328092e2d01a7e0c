package dev.heddle.core.nn;

import dev.heddle.core.tensor.Tensor;

/// A normalisation of the last axis that keeps the shape.
public abstract class Norm extends Module {
    public abstract Tensor forward(Tensor x);

    /// Makes norms of one kind for a given width.
    @FunctionalInterface
    public interface Factory {
        Norm create(int width);
    }
}
