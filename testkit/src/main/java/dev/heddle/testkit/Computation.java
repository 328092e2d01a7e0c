package dev.heddle.testkit;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;

/// Something that can be compared or differentiated: a function of named inputs with trained parameters.
public interface Computation {
    /// What failures call it.
    String name();

    /// Where its parameters are.
    Module module();

    /// Runs it; the main output is `y` (or `loss`).
    Map<String, Tensor> run(Map<String, Tensor> inputs);

    /// One form of a catalogue entry.
    static Computation of(Subject subject, Form form) {
        return of(describe(form), subject.module(), inputs -> subject.run(inputs, form));
    }

    /// A module's function of one tensor: input `x`, output `y`.
    static Computation ofTensor(String name, Module module, UnaryOperator<Tensor> forward) {
        return of(name, module, inputs -> Map.of("y", forward.apply(inputs.get("x"))));
    }

    /// Any function of named tensors.
    static Computation of(String name, Module module, UnaryOperator<Map<String, Tensor>> run) {
        return new Computation() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Module module() {
                return module;
            }

            @Override
            public Map<String, Tensor> run(Map<String, Tensor> inputs) {
                return run.apply(inputs);
            }
        };
    }

    /// The parameters' values as they are now.
    default Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        module().parameters().forEach((name, parameter) -> weights.put(name, parameter.value()));
        return weights;
    }

    /// The floating inputs and parameters converted: all that a run in `dtype` needs.
    static Map<String, Tensor> convert(Map<String, Tensor> tensors, DType dtype) {
        Map<String, Tensor> converted = new LinkedHashMap<>();
        tensors.forEach(
                (name, tensor) -> converted.put(name, tensor.dtype().isFloating() ? tensor.cast(dtype) : tensor));
        return converted;
    }

    private static String describe(Form form) {
        return switch (form) {
            case Form.Parallel _ -> "parallel";
            case Form.Recurrent _ -> "recurrent";
            case Form.Chunkwise chunkwise -> String.format(Locale.ROOT, "chunkwise(%d)", chunkwise.size());
        };
    }
}
