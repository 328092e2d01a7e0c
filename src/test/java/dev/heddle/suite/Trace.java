package dev.heddle.suite;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// All numbers that come out of one forward and backward pass of the parallel form, to be compared with those of the same
/// pass under other circumstances.
final class Trace {
    private static final int BATCH = 2;

    private Trace() {}

    /// @param length tokens, if the subject can take as many
    static Map<String, double[]> of(CatalogueCase one, int length, DType dtype) {
        Subject subject = one.build();
        subject.module().convert(dtype);
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> inputs = inputs(one, subject, length, dtype);
            Map<String, Tensor> outputs = subject.run(inputs, Form.PARALLEL);
            Map<String, double[]> trace = new LinkedHashMap<>();
            outputs.forEach((name, output) -> trace.put("out." + name, output.toDoubles()));
            addGradients(subject, inputs, outputs, one.seed(), trace);
            return trace;
        }
    }

    /// The outputs alone, computed without recording.
    static Map<String, double[]> inference(CatalogueCase one, int length, DType dtype) {
        Subject subject = one.build();
        subject.module().convert(dtype);
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> inputs = inputs(one, subject, length, dtype);
            Map<String, double[]> trace = new LinkedHashMap<>();
            Autograd.inference(
                    () -> {
                        subject.run(inputs, Form.PARALLEL)
                                .forEach((name, output) -> trace.put("out." + name, output.toDoubles()));
                        return trace;
                    });
            return trace;
        }
    }

    // Drawn in F32 whatever the type of the run, so that both types see the same numbers.
    private static Map<String, Tensor> inputs(CatalogueCase one, Subject subject, int length, DType dtype) {
        int tokens = Math.min(length, subject.longest());
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        subject.sampleInputs(BATCH, tokens, DType.F32, one.seed().split("inputs"))
                .forEach((name, input) -> inputs.put(name, leaf(input, dtype)));
        return inputs;
    }

    private static Tensor leaf(Tensor input, DType dtype) {
        return input.dtype().isFloating() ? Autograd.variable(input.cast(dtype)) : input;
    }

    private static void addGradients(
            Subject subject,
            Map<String, Tensor> inputs,
            Map<String, Tensor> outputs,
            Seed seed,
            Map<String, double[]> trace) {
        List<Tensor> at = new ArrayList<>();
        List<Tensor> cotangents = new ArrayList<>();
        // By name, in a fixed order: a map's own order may be another in every JVM.
        new TreeMap<>(outputs)
                .forEach(
                        (name, output) -> {
                            if (output.isDifferentiable()) {
                                at.add(output);
                                cotangents.add(cotangent(output, seed.split("cotangent").split(name)));
                            }
                        });
        if (at.isEmpty()) {
            return;
        }
        Gradients gradients = Autograd.gradients(at, cotangents);
        inputs.forEach(
                (name, input) -> {
                    if (input.isDifferentiable()) {
                        trace.put("grad.in." + name, gradients.of(input).toDoubles());
                    }
                });
        subject.module()
                .parameters()
                .forEach((name, parameter) -> trace.put("grad.w." + name, gradients.of(parameter.value()).toDoubles()));
    }

    private static Tensor cotangent(Tensor output, Seed seed) {
        var random = seed.generator();
        double[] values = new double[Math.toIntExact(output.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, output.shape().toArray()).cast(output.dtype());
    }

    /// The largest `max|a − b| / (1 + max|b|)` over all tensors, with the name of the worst.
    static Difference difference(Map<String, double[]> found, Map<String, double[]> expected) {
        Difference worst = new Difference("none", found.keySet().equals(expected.keySet()) ? 0 : Double.NaN);
        for (Map.Entry<String, double[]> entry : expected.entrySet()) {
            double error = error(found.getOrDefault(entry.getKey(), new double[0]), entry.getValue());
            if (!(error <= worst.error)) {
                worst = new Difference(entry.getKey(), error);
            }
        }
        return worst;
    }

    private static double error(double[] a, double[] b) {
        if (a.length != b.length) {
            return Double.NaN;
        }
        double error = 0;
        double scale = 1;
        for (int i = 0; i < a.length; i++) {
            error = Math.max(error, a[i] == b[i] ? 0 : Math.abs(a[i] - b[i]));
            scale = Double.isFinite(b[i]) ? Math.max(scale, 1 + Math.abs(b[i])) : scale;
        }
        return error / scale;
    }

    /// The worst tensor and its `max|a − b| / (1 + max|b|)`.
    record Difference(String tensor, double error) {}
}
