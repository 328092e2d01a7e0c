package dev.heddle.testkit;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.testkit.GoldenFile.GradientName;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// One run of one golden file in one element type.
final class GoldenRun {
    private static final String GRADIENT_NORM = "grad_norm";
    // While a parameter is made it is held up to four times, in up to 8 bytes; a small one fills a block of 64.
    private static final long BYTES_PER_WEIGHT = 64;
    // What a model may keep besides its parameters, such as tables of positions.
    private static final long WORKING_BYTES = 1L << 24;

    private final GoldenFile file;
    private final DType dtype;
    private final Map<String, Tensor> inputs = new LinkedHashMap<>();
    private final Map<String, Tensor> weights = new LinkedHashMap<>();
    private final Map<String, Tensor> outputs;
    // What gradients are taken of, and outputs that the file's own form leaves out: those of the parallel form where
    // the other records no gradients or does less.
    private final Map<String, Tensor> trained;
    private final Map<String, Gradients> gradients = new HashMap<>();

    GoldenRun(GoldenFile file, Variant variant, DType dtype) {
        this.file = file;
        this.dtype = dtype;
        Subject subject = build(variant);
        Set<String> wanted = new HashSet<>();
        file.gradients().forEach(gradient -> wanted.add(gradient.target()));
        for (String name : file.weights()) {
            weights.put(name, leaf(file.read("w." + name, dtype)));
        }
        for (String name : file.inputs()) {
            Tensor input = file.read("in." + name, dtype);
            inputs.put(name, wanted.contains("in." + name) ? leaf(input) : input);
        }
        subject.bind(weights);
        Form form = subject.form(file.mode());
        outputs = subject.run(inputs, form);
        trained = isComplete(subject, form) ? outputs : subject.run(inputs, Form.PARALLEL);
    }

    // Every parameter of the model is a weight of the file, so a config that asks for many more numbers is lying.
    private Subject build(Variant variant) {
        return Scope.within(
                WORKING_BYTES + file.weightElements() * BYTES_PER_WEIGHT,
                () ->
                        new ConfigException(
                                "config: asks for more than the "
                                        + file.weightElements()
                                        + " numbers of the file's weights; make its sizes those of the weights"),
                () -> {
                    Subject subject = variant.build(file.config(), Seed.of(0));
                    subject.module().convert(dtype);
                    return subject;
                });
    }

    private boolean isComplete(Subject subject, Form form) {
        return form instanceof Form.Parallel
                || !subject.supports(Form.PARALLEL)
                || (subject.trains(form) && outputs.keySet().containsAll(file.outputs()));
    }

    private static Tensor leaf(Tensor data) {
        return data.dtype().isFloating() ? Autograd.variable(data) : data;
    }

    List<TensorComparison> compare() {
        Tolerance tolerance = file.tolerance();
        List<TensorComparison> comparisons = new ArrayList<>();
        for (String name : file.outputs()) {
            String tensor = "out." + name;
            Tensor found = output(name);
            comparisons.add(
                    found == null
                            ? TensorComparison.impossible(tensor, "is missing; the variant gives " + outputs.keySet())
                            : TensorComparison.of(tensor, found, file.expected(tensor), tolerance));
        }
        for (GradientName gradient : file.gradients()) {
            comparisons.add(compare(gradient, tolerance));
        }
        return comparisons;
    }

    private @Nullable Tensor output(String name) {
        Tensor output = outputs.containsKey(name) ? outputs.get(name) : trained.get(name);
        return output == null && name.equals(GRADIENT_NORM) ? gradientNorm() : output;
    }

    private TensorComparison compare(GradientName name, Tolerance tolerance) {
        Tensor leaf = target(name.target());
        if (leaf == null || !leaf.isDifferentiable()) {
            return TensorComparison.impossible(
                    name.tensor(), "is a gradient of something that is no floating tensor of the file");
        }
        String objective = name.objective();
        Set<String> missing = new TreeSet<>(objectives(objective));
        missing.removeAll(trained.keySet());
        if (!missing.isEmpty()) {
            return TensorComparison.impossible(
                    name.tensor(), "needs the outputs " + missing + "; the variant gives " + trained.keySet());
        }
        Tensor found = gradients.computeIfAbsent(objective, this::differentiate).of(leaf);
        return TensorComparison.of(name.tensor(), found, file.expected(name.tensor()), tolerance);
    }

    private @Nullable Tensor target(String name) {
        return name.startsWith("in.") ? inputs.get(name.substring(3)) : weights.get(name.replaceFirst("^w\\.", ""));
    }

    // The outputs that an objective is made of.
    private Set<String> objectives(String objective) {
        if (!objective.isEmpty()) {
            return Set.of(objective);
        }
        return file.cotangents().isEmpty() ? Set.of("loss") : file.cotangents().keySet();
    }

    private Gradients differentiate(String objective) {
        List<Tensor> at = new ArrayList<>();
        List<Tensor> cotangents = new ArrayList<>();
        Map<String, String> given = objective.isEmpty() ? file.cotangents() : Map.of();
        for (String name : objectives(objective)) {
            Tensor output = required(name);
            String cotangent = given.get(name);
            at.add(output);
            cotangents.add(cotangent == null ? Tensor.full(dtype, output.shape(), 1) : file.read(cotangent, dtype));
        }
        return Autograd.gradients(at, cotangents);
    }

    private Tensor required(String output) {
        Tensor tensor = trained.get(output);
        if (tensor == null) {
            throw new FileFormatException(
                    "golden file: its gradients need the output '"
                            + output
                            + "'; the variant gives "
                            + trained.keySet());
        }
        return tensor;
    }

    private @Nullable Tensor gradientNorm() {
        if (!trained.keySet().containsAll(objectives(""))) {
            return null;
        }
        Gradients all = gradients.computeIfAbsent("", this::differentiate);
        double total = 0;
        for (Tensor weight : weights.values()) {
            if (weight.isDifferentiable()) {
                for (double g : all.of(weight).toDoubles()) {
                    total += g * g;
                }
            }
        }
        return Tensor.scalar(dtype, Math.sqrt(total));
    }
}
