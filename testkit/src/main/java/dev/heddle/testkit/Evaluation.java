package dev.heddle.testkit;

import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/// One recorded run of a [Computation] and the gradients of a random combination of its outputs.
final class Evaluation {
    private final Map<String, Tensor> leaves = new LinkedHashMap<>();
    private final Map<String, Tensor> outputs;

    /// @param inputs constants; the floating ones become leaves
    Evaluation(Computation computation, Map<String, Tensor> inputs) {
        Map<String, Tensor> variables = new LinkedHashMap<>();
        inputs.forEach(
                (name, tensor) -> {
                    Tensor variable = tensor.dtype().isFloating() ? Autograd.variable(tensor) : tensor;
                    variables.put(name, variable);
                    if (variable.isDifferentiable()) {
                        leaves.put("in." + name, variable);
                    }
                });
        computation.weights().forEach((name, weight) -> leaves.put("w." + name, weight));
        outputs = computation.run(variables);
    }

    Map<String, Tensor> outputs() {
        return outputs;
    }

    /// Inputs as `in.<name>`, parameters as `w.<name>`.
    Map<String, Tensor> leaves() {
        return leaves;
    }

    /// Gradients of the sum over the named outputs of `Σ output · cotangent`, by leaf.
    Map<String, Tensor> gradients(Set<String> names, Seed seed) {
        List<Tensor> at = new ArrayList<>();
        List<Tensor> cotangents = new ArrayList<>();
        new TreeMap<>(outputs)
                .forEach(
                        (name, output) -> {
                            if (names.contains(name)) {
                                at.add(output);
                                cotangents.add(Cotangents.draw(output.dtype(), output.shape(), seed.split(name)));
                            }
                        });
        Gradients gradients = Autograd.gradients(at, cotangents);
        Map<String, Tensor> byLeaf = new LinkedHashMap<>();
        leaves.forEach((name, leaf) -> byLeaf.put(name, gradients.of(leaf)));
        return byLeaf;
    }

    /// The names of the outputs that nothing may leave out: `y`, or `loss` for a model that has only that, or all of
    /// them where there is neither.
    static Set<String> main(Map<String, Tensor> outputs) {
        return Stream.of("y", "loss").filter(outputs::containsKey).findFirst().map(Set::of).orElseGet(outputs::keySet);
    }
}
