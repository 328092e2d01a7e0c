package dev.heddle.mlp;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The activations by themselves: `x` → for each of them its values, under its name, and its derivatives, under `d_` and
/// its name.
final class ActivationCurvesSubject implements Subject {
    private final List<Activation> activations;

    ActivationCurvesSubject(List<Object> names) {
        if (names.isEmpty()) {
            throw new ConfigException("activations: the list is empty; give one or more");
        }
        this.activations = names.stream().map(name -> Activation.of(String.valueOf(name))).toList();
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.floating(inputs, "x");
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        for (Activation activation : activations) {
            outputs.put(activation.id(), Activations.activate(activation, x));
            outputs.put("d_" + activation.id(), Activations.derivative(activation, x));
        }
        return outputs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(3).create(Shape.of(batch, length), seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, 0, 0);
    }
}
