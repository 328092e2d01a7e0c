package dev.heddle.benchmarks;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
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

/// The first example of a catalogue line, with weights and inputs.
final class CatalogCase {
    private static final int BATCH = 2;
    private static final int LENGTH = 128;
    private static final Seed SEED = Seed.of(7);

    private final Subject subject;
    private final Map<String, Tensor> inputs;

    /// @throws IllegalStateException if 32-bit floats do not give what 64-bit floats give
    CatalogCase(String id) {
        Variant variant = Catalog.load().variant(id);
        subject = subject(variant);
        inputs = subject.sampleInputs(BATCH, Math.min(LENGTH, subject.longest()), DType.F32, SEED.split("inputs"));
        verify(variant);
    }

    private static Subject subject(Variant variant) {
        if (variant.examples().isEmpty()) {
            throw new IllegalStateException(variant.id() + ": the catalogue line has no example to run");
        }
        return variant.build(variant.examples().getFirst(), SEED.split("weights"));
    }

    private void verify(Variant variant) {
        Subject wide = subject(variant);
        wide.module().convert(DType.F64);
        Map<String, Tensor> wideInputs = new LinkedHashMap<>();
        inputs.forEach(
                (name, tensor) -> wideInputs.put(name, tensor.dtype() == DType.F32 ? tensor.cast(DType.F64) : tensor));
        Map<String, Tensor> expected = wide.run(wideInputs, Form.PARALLEL);
        subject.run(inputs, Form.PARALLEL)
                .forEach(
                        (name, tensor) ->
                                Close.require(
                                        variant.id() + "'s " + name,
                                        tensor.toFloats(),
                                        CatalogCase.<Tensor>present(expected, name).toFloats()));
    }

    private static <T> T present(Map<String, T> map, String name) {
        T value = map.get(name);
        if (value == null) {
            throw new IllegalStateException("output '" + name + "' is missing in 64-bit floats");
        }
        return value;
    }

    /// One forward pass without a tape.
    void forward() {
        try (Scope _ = Scope.open()) {
            Autograd.inference(() -> subject.run(inputs, Form.PARALLEL));
        }
    }

    /// One forward pass and the gradients of all parameters and floating inputs.
    Gradients forwardBackward() {
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> leaves = new LinkedHashMap<>();
            inputs.forEach(
                    (name, tensor) ->
                            leaves.put(name, tensor.dtype().isFloating() ? Autograd.variable(tensor) : tensor));
            List<Tensor> outputs = new ArrayList<>();
            List<Tensor> cotangents = new ArrayList<>();
            for (Tensor output : subject.run(leaves, Form.PARALLEL).values()) {
                if (output.isDifferentiable()) {
                    outputs.add(output);
                    cotangents.add(Tensor.full(output.dtype(), output.shape(), 1));
                }
            }
            return Autograd.gradients(outputs, cotangents);
        }
    }
}
