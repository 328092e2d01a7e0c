package dev.heddle.core.optim;

import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import java.util.Collection;

/// Clipping by the global norm, one norm over all parameters (a tied matrix counts once), as in PyTorch.
public final class GradientClipping {
    private GradientClipping() {}

    /// `√Σ g²` over all parameters.
    public static double norm(Collection<Parameter> parameters, Gradients gradients) {
        double total = 0;
        for (Parameter parameter : parameters) {
            Tensor gradient = gradients.of(parameter.value());
            total += Reduction.sum(Arithmetic.square(gradient)).item();
        }
        return Math.sqrt(total);
    }

    /// The factor `min(1, limit/(norm + 1e-6))` that brings gradients of that norm under the limit.
    public static double factor(double norm, double limit) {
        return Math.min(1, limit / (norm + 1e-6));
    }
}
