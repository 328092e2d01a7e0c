package dev.heddle.core.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;

class AdamWTest {
    private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.99, 1e-8, 0.1);

    private static final class Weights extends Module {
        Weights() {
            parameter("matrix", Tensor.of(new double[] {1, -2, 3, -4, 5, -6}, 2, 3));
            parameter("vector", Tensor.of(new double[] {0.5, -0.25}, 2));
        }
    }

    private final Map<String, Parameter> parameters = new Weights().parameters();
    private final AdamW adamW = new AdamW(parameters, SETTINGS);

    private Gradients gradients(double... values) {
        List<Tensor> at = parameters.values().stream().map(Parameter::value).toList();
        return Autograd.gradients(
                at,
                List.of(
                        Tensor.full(DType.F64, at.get(0).shape(), values[0]),
                        Tensor.full(DType.F64, at.get(1).shape(), values[1])));
    }

    private double[] values(String name) {
        return parameters.get(name).value().toDoubles();
    }

    @Test
    void firstStepMovesByTheLearningRateAgainstTheGradient() {
        adamW.step(gradients(7, -0.01), 0.1, 1);
        assertThat(values("vector")[0]).isCloseTo(0.5 + 0.1, within(1e-6));
        assertThat(values("vector")[1]).isCloseTo(-0.25 + 0.1, within(1e-6));
    }

    @Test
    void onlyMatricesDecay() {
        adamW.step(gradients(0, 0), 0.1, 1);
        assertThat(values("matrix")[5]).isCloseTo(-6 * (1 - 0.1 * 0.1), within(1e-12));
        assertThat(values("vector")).containsExactly(0.5, -0.25);
    }

    @Test
    void stepsFollowTheFormula() {
        double m = 0;
        double v = 0;
        double p = 0.5;
        for (int t = 1; t <= 5; t++) {
            double g = Math.sin(t) / 4;
            adamW.step(gradients(1, g * 2), 0.02, 0.5);
            m = 0.9 * m + 0.1 * g;
            v = 0.99 * v + 0.01 * g * g;
            p -= 0.02 * (m / (1 - Math.pow(0.9, t))) / (Math.sqrt(v / (1 - Math.pow(0.99, t))) + 1e-8);
        }
        assertThat(values("vector")[0]).isCloseTo(p, within(1e-12));
        assertThat(adamW.steps()).isEqualTo(5);
    }

    @Test
    void restoredStateContinuesWithTheSameBits() {
        adamW.step(gradients(0.3, -0.7), 0.1, 1);
        Map<String, Parameter> copies = new Weights().parameters();
        parameters.forEach((name, parameter) -> copies.get(name).set(parameter.value().copy()));
        AdamW resumed = new AdamW(copies, SETTINGS);
        resumed.restore(adamW.state(), adamW.steps());

        adamW.step(gradients(-0.2, 0.4), 0.1, 1);
        List<Tensor> at = copies.values().stream().map(Parameter::value).toList();
        resumed.step(
                Autograd.gradients(
                        at,
                        List.of(
                                Tensor.full(DType.F64, at.get(0).shape(), -0.2),
                                Tensor.full(DType.F64, at.get(1).shape(), 0.4))),
                0.1,
                1);

        copies.forEach((name, copy) -> assertThat(copy.value().toDoubles()).containsExactly(values(name)));
    }

    @Test
    void missingMomentIsRefused() {
        assertThatThrownBy(() -> adamW.restore(Map.of(), 1))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("m.matrix");
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new AdamW.Settings(1, 0.9, 1e-8, 0)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> new AdamW.Settings(0.9, 0.9, 0, 0)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> new AdamW.Settings(0.9, 0.9, 1e-8, Double.NaN)).isInstanceOf(ConfigException.class);
    }
}
