package dev.heddle.core.optim;

import static java.util.Objects.requireNonNull;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// AdamW (arXiv 1711.05101): decoupled weight decay on tensors with two or more axes, none on biases and norms.
///
/// Parameters and moments are updated in place. The state is [#state()], for checkpoints.
public final class AdamW {
    private final Settings settings;
    private final Map<String, Parameter> parameters;
    private final Map<String, Tensor> firstMoments = new LinkedHashMap<>();
    private final Map<String, Tensor> secondMoments = new LinkedHashMap<>();
    private long steps;

    /// @param beta1 decay of the first moment
    /// @param beta2 decay of the second moment
    /// @param eps added to the root of the second moment
    /// @param weightDecay per unit of learning rate
    public record Settings(double beta1, double beta2, double eps, double weightDecay) {
        /// @throws ConfigException if a value is out of range
        public Settings {
            if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && eps > 0 && weightDecay >= 0)) {
                throw new ConfigException(
                        "adamw: beta1 "
                                + beta1
                                + ", beta2 "
                                + beta2
                                + ", eps "
                                + eps
                                + ", weight decay "
                                + weightDecay
                                + "; betas must be in [0, 1), eps positive, decay 0 or more");
            }
        }
    }

    public AdamW(Map<String, Parameter> parameters, Settings settings) {
        this.settings = settings;
        this.parameters = new LinkedHashMap<>(parameters);
        parameters.forEach(
                (name, parameter) -> {
                    Tensor value = parameter.value();
                    firstMoments.put(name, Tensor.zeros(value.dtype(), value.shape()));
                    secondMoments.put(name, Tensor.zeros(value.dtype(), value.shape()));
                });
    }

    /// One update.
    ///
    /// @param gradientScale multiplies every gradient first: the factor of clipping
    public void step(Gradients gradients, double learningRate, double gradientScale) {
        steps++;
        double correction1 = 1 - Math.pow(settings.beta1, steps);
        double correction2 = 1 - Math.pow(settings.beta2, steps);
        parameters.forEach(
                (name, parameter) -> {
                    Tensor value = parameter.value();
                    Tensor gradient = gradients.of(value);
                    Kernels kernels = value.dtype().kernels();
                    kernels.adamW(
                            value.address(),
                            gradient.address(),
                            requireNonNull(firstMoments.get(name)).address(),
                            requireNonNull(secondMoments.get(name)).address(),
                            value.elements(),
                            gradientScale,
                            learningRate,
                            settings.beta1,
                            settings.beta2,
                            settings.eps,
                            value.rank() >= 2 ? settings.weightDecay : 0,
                            correction1,
                            correction2);
                });
    }

    /// Updates done so far.
    public long steps() {
        return steps;
    }

    /// The moments under `m.<name>` and `v.<name>`; the tensors are the live ones.
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        firstMoments.forEach((name, m) -> state.put("m." + name, m));
        secondMoments.forEach((name, v) -> state.put("v." + name, v));
        return state;
    }

    /// Continues from a saved state.
    ///
    /// @throws ConfigException if a moment is missing
    public void restore(Map<String, Tensor> saved, long stepsDone) {
        state().forEach(
                        (name, tensor) -> {
                            Tensor source = saved.get(name);
                            if (source == null) {
                                throw new ConfigException(
                                        "optimiser state: '" + name + "' is missing in the checkpoint");
                            }
                            tensor.copyFrom(source);
                        });
        steps = stepsDone;
    }
}
