package dev.heddle.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.optim.GradientClipping;
import dev.heddle.core.optim.LearningRate;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// AdamW, the warm-up and cosine schedule and clipping take the steps that PyTorch takes.
class AdamWGoldenTest {
    private static final List<String> NAMES = List.of("matrix", "vector", "embed");

    private final GoldenTensors golden = new GoldenTensors("adamw-cosine");

    @AfterEach
    void close() {
        golden.close();
    }

    private static final class Weights extends Module {
        Weights(GoldenTensors golden, DType dtype) {
            NAMES.forEach(name -> parameter(name, golden.tensor("w." + name, dtype)));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void stepsAreThoseOfTheReference(DType dtype) {
        Config config = golden.config();
        Map<String, Parameter> parameters = new Weights(golden, dtype).parameters();
        AdamW adamW = new AdamW(parameters, settings(config));
        LearningRate rate = schedule(config);
        int steps = config.integer("steps");
        double[] rates = new double[steps];
        double[] norms = new double[steps];
        Map<String, double[]> paths = new LinkedHashMap<>();
        for (int t = 0; t < steps; t++) {
            Gradients gradients = gradients(parameters, t, dtype);
            norms[t] = GradientClipping.norm(parameters.values(), gradients);
            rates[t] = rate.at(t);
            adamW.step(gradients, rates[t], GradientClipping.factor(norms[t], config.number("grad_clip")));
            parameters.forEach(
                    (name, parameter) -> paths.merge(name, parameter.value().toDoubles(), AdamWGoldenTest::append));
        }
        double allowed = dtype == DType.F64 ? 1e-5 : 1;
        assertThat(golden.ratio("out.lr", rates)).as("learning rate").isLessThanOrEqualTo(allowed);
        assertThat(golden.ratio("out.grad_norm", norms)).as("gradient norm").isLessThanOrEqualTo(allowed);
        paths.forEach(
                (name, path) -> assertThat(golden.ratio("out." + name, path)).as(name).isLessThanOrEqualTo(allowed));
        adamW.state()
                .forEach(
                        (name, moment) ->
                                assertThat(golden.ratio("out." + name, moment.toDoubles()))
                                        .as(name)
                                        .isLessThanOrEqualTo(allowed));
    }

    private static AdamW.Settings settings(Config config) {
        return new AdamW.Settings(
                config.number("beta1"), config.number("beta2"), config.number("eps"), config.number("weight_decay"));
    }

    private static LearningRate schedule(Config config) {
        return LearningRate.warmupCosine(
                config.number("lr"),
                config.number("min_lr"),
                config.integer("warmup_iters"),
                config.integer("lr_decay_iters"));
    }

    // Of Σ parameter · gradient, whose gradients are the file's.
    private Gradients gradients(Map<String, Parameter> parameters, int step, DType dtype) {
        List<Tensor> values = parameters.values().stream().map(Parameter::value).toList();
        List<Tensor> given =
                parameters.keySet().stream().map(name -> golden.tensor("in.grad." + step + "." + name, dtype)).toList();
        return Autograd.gradients(values, given);
    }

    private static double[] append(double[] head, double[] tail) {
        double[] whole = Arrays.copyOf(head, head.length + tail.length);
        System.arraycopy(tail, 0, whole, head.length, tail.length);
        return whole;
    }
}
