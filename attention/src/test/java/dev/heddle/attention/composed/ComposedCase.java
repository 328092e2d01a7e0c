package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// Random operands of one composed product, and its output and gradients, fused or written out, in either type.
///
/// @param terms letters of what composes: s for the static matrix, r for low rank, g for gates
/// @param sides q for the queries' factors, k for those of the keys
/// @param stages 0 for the scores, 1 for the probabilities
record ComposedCase(
        Seed seed,
        int batch,
        int queries,
        int keys,
        int heads,
        int width,
        int rank,
        AttentionPattern pattern,
        String terms,
        String sides,
        String stages) {
    Map<String, Tensor> operands() {
        Map<String, Tensor> all = new LinkedHashMap<>();
        add(all, "q", 1, batch, queries, heads, width);
        add(all, "k", 1, batch, keys, heads, width);
        add(all, "v", 1, batch, keys, heads, width);
        for (String stage : stages.split("")) {
            if (terms.contains("s")) {
                add(all, "sw" + stage, 0.4, heads, heads);
            }
            if (rows() > 0 && sides.contains("q")) {
                add(all, "q" + stage, 0.6, batch, queries, rows(), heads);
            }
            if (rows() > 0 && sides.contains("k")) {
                add(all, "k" + stage, 0.6, batch, keys, rows(), heads);
            }
        }
        return all;
    }

    // Of values that both types hold.
    private void add(Map<String, Tensor> all, String name, double deviation, int... sizes) {
        all.put(name, Initialiser.normal(deviation).create(Shape.of(sizes), seed.split(name)).cast(DType.F64));
    }

    private int rows() {
        return Composition.rows(terms.contains("r") ? rank : 0, terms.contains("g"));
    }

    @Nullable Composition composition(String stage, Map<String, Tensor> operands) {
        if (!stages.contains(stage)) {
            return null;
        }
        return new Composition(
                operands.get("sw" + stage),
                operands.get("q" + stage),
                operands.get("k" + stage),
                terms.contains("r") ? rank : 0,
                terms.contains("g"));
    }

    /// `y`, and the gradients of a random combination of its elements.
    Map<String, Tensor> fused(DType dtype) {
        return run(
                dtype,
                of ->
                        ComposedProduct.attend(
                                of.get("q"),
                                of.get("k"),
                                of.get("v"),
                                composition("0", of),
                                composition("1", of),
                                pattern));
    }

    /// The same from primitive operations.
    Map<String, Tensor> writtenOut(DType dtype) {
        return run(
                dtype,
                of ->
                        WrittenOutComposition.of(
                                        of.get("q"), of.get("k"), composition("0", of), composition("1", of), pattern)
                                .attend(of.get("v")));
    }

    private interface Function {
        Tensor apply(Map<String, Tensor> operands);
    }

    private Map<String, Tensor> run(DType dtype, Function function) {
        Map<String, Tensor> operands = operands();
        operands.replaceAll((name, tensor) -> Autograd.variable(tensor.cast(dtype)));
        Tensor y = function.apply(operands);
        Tensor cotangent = Initialiser.normal(1).create(y.shape(), seed.split("cotangent")).cast(dtype);
        Gradients gradients = Autograd.gradients(y, cotangent);
        Map<String, Tensor> results = new LinkedHashMap<>();
        results.put("y", y);
        operands.forEach((name, operand) -> results.put("d" + name, gradients.of(operand)));
        return results;
    }

    /// The largest `max|a − b| / (1 + max|b|)` over the tensors; infinite if there is a NaN.
    static double difference(Map<String, Tensor> found, Map<String, Tensor> expected) {
        double worst = found.keySet().equals(expected.keySet()) ? 0 : Double.POSITIVE_INFINITY;
        for (Map.Entry<String, Tensor> entry : expected.entrySet()) {
            worst = Math.max(worst, difference(found.get(entry.getKey()), entry.getValue()));
        }
        return worst;
    }

    static double difference(Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new AssertionError(a.shape() + " is not " + b.shape());
        }
        double[] left = a.toDoubles();
        double[] right = b.toDoubles();
        double worst = 0;
        double scale = 1;
        for (int i = 0; i < left.length; i++) {
            double difference = Math.abs(left[i] - right[i]);
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
            scale = Math.max(scale, 1 + Math.abs(right[i]));
        }
        return worst / scale;
    }
}
