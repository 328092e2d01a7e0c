package dev.heddle.attention;

import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/// Small helpers of this package's tests: everything in F64 unless said otherwise.
final class Tensors {
    private Tensors() {}

    static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(7).split(name)).cast(DType.F64);
    }

    /// A layer with random weights, biases included.
    static Attention layer(AttentionSpec spec, int width) {
        Attention layer = spec.initialiser(Initialiser.normal(0.4)).create(width, Seed.of(3));
        layer.convert(DType.F64);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name, p.value()));
        weights.replaceAll((name, w) -> name.endsWith("bias") ? random(name, w.dim(0)) : w);
        layer.load(weights);
        return layer;
    }

    static Map<String, Tensor> weights(Attention layer) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name, p.value()));
        return weights;
    }

    /// A layer with given weights.
    static Attention layer(AttentionSpec spec, int width, Map<String, Tensor> weights) {
        Attention layer = spec.create(width, Seed.of(5));
        layer.convert(DType.F64);
        layer.load(weights);
        return layer;
    }

    /// The largest difference of two elements; infinite if one is NaN.
    static double difference(Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new AssertionError(a.shape() + " is not " + b.shape());
        }
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }

    /// The gradients of a random combination of the output, by parameter, and of the input as `x`.
    static Map<String, Tensor> gradients(Attention layer, Tensor x, Function<Tensor, Tensor> forward) {
        Tensor leaf = Autograd.variable(x);
        Tensor y = forward.apply(leaf);
        Gradients gradients = Autograd.gradients(y, random("cotangent", y.shape().toArray()));
        Map<String, Tensor> named = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> named.put(name, gradients.of(p.value()).copy()));
        named.put("x", gradients.of(leaf).copy());
        return named;
    }

    /// Each block of `rows/heads` rows repeated in place.
    static Tensor repeatHeads(Tensor rows, int heads, int times) {
        int width = Math.toIntExact(rows.elements() / heads);
        Tensor blocks = Layout.expand(Layout.reshape(rows, heads, 1, width), Shape.of(heads, times, width));
        return Layout.reshape(blocks, rows.shape().with(0, rows.dim(0) * times));
    }

    /// The sums of the blocks that [#repeatHeads] makes of one.
    static Tensor sumHeads(Tensor rows, int heads, int times) {
        return Arithmetic.scale(HeadConversion.meanPool(rows, heads * times, heads), times);
    }

    static Tensor rows(Tensor x, int axis, int from, int to) {
        return Layout.slice(x, axis, from, to);
    }
}
