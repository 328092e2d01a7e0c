package dev.heddle.mlp;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/// A gated linear unit: `y = (act(x·gateᵀ) ∘ x·upᵀ)·downᵀ`.
///
/// Parameters `gate_proj.weight`, `up_proj.weight` `[Hd, D]`, `down_proj.weight` `[D, Hd]` and, if wanted, biases; those
/// of the inner norm, if there is one, under `ffn_norm`. As many parameters as an MLP of hidden width 4·D has take Hd =
/// 8·D/3.
///
/// Source: arXiv 2002.05202; names as in Llama.
public final class Glu extends FeedForward {
    private final Activation activation;
    private final Linear gate;
    private final Linear up;
    private final Linear down;
    private final Optional<Norm> norm;

    private Glu(Spec spec, int width, double residualScale, Seed seed) {
        this.activation = spec.kind.activation;
        this.gate = child("gate_proj", spec.projection(width, seed.split("gate_proj")));
        this.up = child("up_proj", spec.projection(width, seed.split("up_proj")));
        this.norm = spec.innerNorm.map(factory -> child("ffn_norm", factory.create(spec.hidden)));
        Initialiser last = spec.initialiser.scaled(residualScale);
        this.down =
                child("down_proj", spec.linear.create(spec.hidden, width, spec.bias, last, seed.split("down_proj")));
    }

    /// The members of the family, by the activation of the gate.
    public enum Kind {
        /// Sigmoid.
        GLU(Activation.SIGMOID),
        /// Exact GELU.
        GEGLU(Activation.GELU),
        /// The tanh form of GELU.
        GEGLU_TANH(Activation.GELU_TANH),
        /// SiLU: Llama, Mistral, Qwen.
        SWIGLU(Activation.SILU),
        /// ReLU.
        REGLU(Activation.RELU),
        /// None: gate and up are interchangeable.
        BILINEAR(Activation.IDENTITY);

        private final Activation activation;

        Kind(Activation activation) {
            this.activation = activation;
        }

        /// What the gate goes through.
        public Activation activation() {
            return activation;
        }

        /// The name used in configurations: lower case.
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        /// The kind of a configuration's name.
        ///
        /// @throws ConfigException if there is none of that name
        public static Kind of(String id) {
            for (Kind kind : values()) {
                if (kind.id().equals(id)) {
                    return kind;
                }
            }
            throw new ConfigException(
                    "kind: '"
                            + id
                            + "' is not known; use one of "
                            + Arrays.stream(values()).map(Kind::id).collect(Collectors.joining(", ")));
        }

        /// The kind whose gate goes through an activation.
        ///
        /// @throws ConfigException if there is none
        public static Kind of(Activation activation) {
            for (Kind kind : values()) {
                if (kind.activation == activation) {
                    return kind;
                }
            }
            throw new ConfigException(
                    "activation: '"
                            + activation.id()
                            + "' is not the gate of any gated linear unit; use one of "
                            + Arrays.stream(values())
                                    .map(kind -> kind.activation.id())
                                    .collect(Collectors.joining(", ")));
        }
    }

    /// The SiLU-gated unit.
    ///
    /// @param hidden width Hd of gate and up
    public static Spec swiglu(int hidden) {
        return of(Kind.SWIGLU, hidden);
    }

    /// A unit without biases, dense matrices at first Gaussian with deviation 0.02.
    ///
    /// @param hidden width Hd of gate and up
    /// @throws ConfigException if it is less than 1
    public static Spec of(Kind kind, int hidden) {
        return new Spec(kind, hidden, false, Optional.empty(), Dense::new, Initialiser.normal(0.02));
    }

    @Override
    public Tensor forward(Tensor x) {
        return project(hiddenOf(x));
    }

    /// Inner norm, if there is one, and last projection: `[…, Hd]` → `[…, D]`.
    Tensor project(Tensor hidden) {
        return down.forward(norm.map(inner -> inner.forward(hidden)).orElse(hidden));
    }

    /// The gated product, before the inner norm: `act(x·gateᵀ) ∘ x·upᵀ`, `[…, D]` → `[…, Hd]`.
    public Tensor hiddenOf(Tensor x) {
        return Activations.gated(activation, gate.forward(x), up.forward(x));
    }

    @Override
    public long multiplyAdds() {
        return gate.multiplyAdds() + up.multiplyAdds() + down.multiplyAdds();
    }

    /// What a gated linear unit is made from.
    ///
    /// @param kind the activation of the gate
    /// @param hidden width of gate and up
    /// @param bias the projections have biases
    /// @param innerNorm a norm before down_proj, as Sub-LN places it
    /// @param linear what a weight matrix is
    /// @param initialiser how weights are drawn; down_proj's are scaled for the residual stream
    public record Spec(
            Kind kind,
            int hidden,
            boolean bias,
            Optional<Norm.Factory> innerNorm,
            Linear.Factory linear,
            Initialiser initialiser)
            implements Factory {
        /// @throws ConfigException if the hidden width is less than 1
        public Spec {
            if (hidden < 1) {
                throw new ConfigException(
                        "hidden_dim: " + hidden + " is less than 1; use for example 8/3 of the width");
            }
        }

        public Spec bias(boolean wanted) {
            return new Spec(kind, hidden, wanted, innerNorm, linear, initialiser);
        }

        public Spec innerNorm(Norm.Factory norm) {
            return new Spec(kind, hidden, bias, Optional.of(norm), linear, initialiser);
        }

        public Spec linear(Linear.Factory other) {
            return new Spec(kind, hidden, bias, innerNorm, other, initialiser);
        }

        public Spec initialiser(Initialiser other) {
            return new Spec(kind, hidden, bias, innerNorm, linear, other);
        }

        private Linear projection(int width, Seed seed) {
            return linear.create(width, hidden, bias, initialiser, seed);
        }

        @Override
        public Glu create(int width, double residualScale, Seed seed) {
            return new Glu(this, width, residualScale, seed);
        }
    }
}
