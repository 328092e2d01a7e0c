package dev.heddle.mlp;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Optional;

/// Two linear layers with a non-linearity between: `y = act(x·fc1ᵀ + b1)·fc2ᵀ + b2`.
///
/// Parameters `fc1.weight` `[Hd, D]`, `fc1.bias`, `fc2.weight` `[D, Hd]`, `fc2.bias`; those of the inner norm, if there
/// is one, under `ffn_norm`.
///
/// Source: arXiv 1706.03762 section 3.3; GELU arXiv 1606.08415; squared ReLU arXiv 2109.08668; inner norm (Sub-LN) arXiv
/// 2210.06423.
public final class Mlp extends FeedForward {
    private final Activation activation;
    private final Linear fc1;
    private final Linear fc2;
    private final Optional<Norm> norm;

    private Mlp(Spec spec, int width, double residualScale, Seed seed) {
        this.activation = spec.activation;
        this.fc1 = child("fc1", spec.linear.create(width, spec.hidden, spec.bias, spec.initialiser, seed.split("fc1")));
        this.norm = spec.innerNorm.map(factory -> child("ffn_norm", factory.create(spec.hidden)));
        Initialiser last = spec.initialiser.scaled(residualScale);
        this.fc2 = child("fc2", spec.linear.create(spec.hidden, width, spec.bias, last, seed.split("fc2")));
    }

    /// Exact GELU, biases, dense matrices at first Gaussian with deviation 0.02.
    ///
    /// @param hidden width Hd between the two layers, usually 4·D
    /// @throws ConfigException if it is less than 1
    public static Spec hidden(int hidden) {
        return new Spec(hidden, Activation.GELU, true, Optional.empty(), Dense::new, Initialiser.normal(0.02));
    }

    @Override
    public Tensor forward(Tensor x) {
        return project(hiddenOf(x));
    }

    /// Inner norm, if there is one, and last projection: `[…, Hd]` → `[…, D]`.
    Tensor project(Tensor hidden) {
        return fc2.forward(norm.map(inner -> inner.forward(hidden)).orElse(hidden));
    }

    /// What is between the layers, before the inner norm: `act(x·fc1ᵀ + b1)`, `[…, D]` → `[…, Hd]`.
    public Tensor hiddenOf(Tensor x) {
        return fc1.forward(x, activation);
    }

    @Override
    public long multiplyAdds() {
        return fc1.multiplyAdds() + fc2.multiplyAdds();
    }

    /// What a two-layer network is made from.
    ///
    /// @param hidden width between the layers
    /// @param activation the non-linearity
    /// @param bias both layers have biases
    /// @param innerNorm a norm before fc2, as Sub-LN places it
    /// @param linear what a weight matrix is
    /// @param initialiser how weights are drawn; fc2's are scaled for the residual stream
    public record Spec(
            int hidden,
            Activation activation,
            boolean bias,
            Optional<Norm.Factory> innerNorm,
            Linear.Factory linear,
            Initialiser initialiser)
            implements Factory {
        /// @throws ConfigException if the hidden width is less than 1
        public Spec {
            if (hidden < 1) {
                throw new ConfigException(
                        "hidden_dim: " + hidden + " is less than 1; use for example 4 times the width");
            }
        }

        public Spec activation(Activation other) {
            return new Spec(hidden, other, bias, innerNorm, linear, initialiser);
        }

        public Spec bias(boolean wanted) {
            return new Spec(hidden, activation, wanted, innerNorm, linear, initialiser);
        }

        public Spec innerNorm(Norm.Factory norm) {
            return new Spec(hidden, activation, bias, Optional.of(norm), linear, initialiser);
        }

        public Spec linear(Linear.Factory other) {
            return new Spec(hidden, activation, bias, innerNorm, other, initialiser);
        }

        public Spec initialiser(Initialiser other) {
            return new Spec(hidden, activation, bias, innerNorm, linear, other);
        }

        @Override
        public Mlp create(int width, double residualScale, Seed seed) {
            return new Mlp(this, width, residualScale, seed);
        }
    }
}
