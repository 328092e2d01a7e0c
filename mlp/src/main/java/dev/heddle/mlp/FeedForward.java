package dev.heddle.mlp;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// What happens at each token by itself.
public abstract class FeedForward extends Module {
    /// `[…, D]` → `[…, D]`.
    public abstract Tensor forward(Tensor x);

    /// Multiply-adds for one token.
    public abstract long multiplyAdds();

    /// Makes the layer for a model width.
    @FunctionalInterface
    public interface Factory extends StackPart {
        /// @param residualScale factor on the initial deviation of the projection that feeds the residual stream
        FeedForward create(int width, double residualScale, Seed seed);
    }
}
