package dev.heddle.core.kernel;

import dev.heddle.core.error.ConfigException;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/// The element-wise non-linearities of feed-forward layers.
public enum Activation {
    /// `max(0, x)`. Of the subgradients at 0, the derivative from the right is used, 1, as in the golden files (torch's
    /// `clamp`; its `relu` uses 0).
    RELU,
    /// `x·Φ(x)` with the exact error function (BERT, nanoGPT, torch's default).
    GELU,
    /// The tanh form of GELU (GPT-2, ALBERT, Gemma).
    GELU_TANH,
    /// `max(0, x)²` (Primer).
    RELU2,
    /// `x·σ(x)`.
    SILU,
    /// `x·σ(1.702 x)`.
    QUICK_GELU,
    /// `σ(x)`.
    SIGMOID,
    /// `x`.
    IDENTITY;

    /// The name used in configurations: lower case.
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The activation of a configuration's name.
    ///
    /// @throws ConfigException if there is none of that name
    public static Activation of(String id) {
        for (Activation activation : values()) {
            if (activation.id().equals(id)) {
                return activation;
            }
        }
        throw new ConfigException(
                "activation: '"
                        + id
                        + "' is not known; use one of "
                        + Arrays.stream(values()).map(Activation::id).collect(Collectors.joining(", ")));
    }
}
