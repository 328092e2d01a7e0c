package dev.heddle.core.nn;

import dev.heddle.core.kernel.Activation;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// A learned map of the last axis, `[…, in]` → `[…, out]`: the axis "what a weight matrix is".
public abstract class Linear extends Module {
    /// Applies the map.
    public abstract Tensor forward(Tensor x);

    /// Applies the map, then an activation to each element of the result; a kind of layer that can do both in one pass
    /// overrides this.
    public Tensor forward(Tensor x, Activation activation) {
        return Activations.activate(activation, forward(x));
    }

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
