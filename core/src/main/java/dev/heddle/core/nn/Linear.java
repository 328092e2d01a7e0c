package dev.heddle.core.nn;

import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// A learned map of the last axis, `[…, in]` → `[…, out]`: the axis "what a weight matrix is".
public abstract class Linear extends Module {
    /// Applies the map.
    public abstract Tensor forward(Tensor x);

    public abstract int inputs();

    public abstract int outputs();

    /// Multiply-adds for one token.
    public abstract long multiplyAdds();

    /// Makes linear layers of one kind: what a stack is configured with.
    @FunctionalInterface
    public interface Factory {
        Linear create(int inputs, int outputs, boolean bias, Initialiser initialiser, Seed seed);
    }
}
