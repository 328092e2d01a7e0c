package dev.heddle.attention.block;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Small helpers of this package's tests.
final class Cores {
    static final double DOUBLE = 1e-12;
    static final double SINGLE = 1e-5;

    private Cores() {}

    static Subject subject(String id, String json) {
        Variant variant =
                new BlockCatalog().variants().stream().filter(one -> one.id().equals(id)).findFirst().orElseThrow();
        return variant.build(Config.parse(json), Seed.of(11));
    }

    static PatternSubject core(String id, String json) {
        return (PatternSubject) subject(id, json);
    }

    static Tensor normal(String name, DType dtype, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(5).split(name)).cast(dtype);
    }

    static Map<String, Tensor> inputs(DType dtype, int batch, int heads, int tokens, int width) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (String name : List.of("q", "k", "v")) {
            inputs.put(name, normal(name, dtype, batch, heads, tokens, width));
        }
        return inputs;
    }

    static Tensor output(Subject subject, Map<String, Tensor> inputs, String name) {
        return requireNonNull(subject.run(inputs, Form.PARALLEL).get(name));
    }

    /// The output and the gradients of the floating inputs.
    static Map<String, Tensor> trace(Subject subject, Map<String, Tensor> inputs) {
        Map<String, Tensor> leaves = new LinkedHashMap<>(inputs);
        leaves.replaceAll((_, input) -> input.dtype().isFloating() ? Autograd.variable(input) : input);
        return trace(leaves, output(subject, leaves, "y"));
    }

    /// Attention under a mask of pairs `[H, N, N]`, and no pattern.
    static Map<String, Tensor> masked(Map<String, Tensor> inputs, Tensor mask) {
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        inputs.forEach((name, input) -> leaves.put(name, Autograd.variable(input)));
        AttentionOptions options =
                AttentionOptions.of(Patterns.full()).laidOut(AttentionOptions.Layout.HEAD_MAJOR).masked(mask);
        return trace(
                leaves,
                ScaledDotProduct.attend(
                                requireNonNull(leaves.get("q")),
                                requireNonNull(leaves.get("k")),
                                requireNonNull(leaves.get("v")),
                                options)
                        .y());
    }

    private static Map<String, Tensor> trace(Map<String, Tensor> leaves, Tensor y) {
        Gradients gradients = Autograd.gradients(y, normal("cotangent", y.dtype(), y.shape().toArray()));
        Map<String, Tensor> trace = new LinkedHashMap<>();
        trace.put("y", y);
        leaves.forEach(
                (name, leaf) -> {
                    if (leaf.isDifferentiable()) {
                        trace.put("grad." + name, gradients.of(leaf));
                    }
                });
        return trace;
    }

    /// The largest difference of two elements of two traces; infinite if one is NaN.
    static double difference(Map<String, Tensor> a, Map<String, Tensor> b) {
        if (!a.keySet().equals(b.keySet())) {
            throw new AssertionError(a.keySet() + " is not " + b.keySet());
        }
        return a.keySet().stream()
                .mapToDouble(name -> difference(requireNonNull(a.get(name)), requireNonNull(b.get(name))))
                .max()
                .orElseThrow();
    }

    static double difference(Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new AssertionError(a.shape() + " is not " + b.shape());
        }
        double[] x = a.toDoubles();
        double[] y = b.toDoubles();
        double worst = 0;
        for (int i = 0; i < x.length; i++) {
            double difference = Math.abs(x[i] - y[i]);
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }
}
