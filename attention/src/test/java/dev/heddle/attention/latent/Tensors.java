package dev.heddle.attention.latent;

import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/// Small helpers of this package's tests: everything in F64 unless said otherwise.
final class Tensors {
    private Tensors() {}

    static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(11).split(name)).cast(DType.F64);
    }

    /// A layer with random weights, gains of norms included.
    static LatentAttention layer(LatentSpec spec, int width) {
        LatentAttention layer = spec.initialiser(Initialiser.normal(0.5)).create(width, Seed.of(3));
        layer.convert(DType.F64);
        Map<String, Tensor> weights = weights(layer);
        weights.replaceAll((name, w) -> name.contains("norm") ? random(name, w.dim(0)) : w);
        layer.load(weights);
        return layer;
    }

    /// A layer with given weights.
    static LatentAttention layer(LatentSpec spec, int width, Map<String, Tensor> weights) {
        LatentAttention layer = spec.create(width, Seed.of(5));
        layer.convert(DType.F64);
        layer.load(weights);
        return layer;
    }

    static Map<String, Tensor> weights(LatentAttention layer) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name, p.value()));
        return weights;
    }

    /// The gradients of a random combination of the output, by parameter, and of the input as `x`.
    static Map<String, Tensor> gradients(LatentAttention layer, Tensor x, UnaryOperator<Tensor> forward) {
        Tensor leaf = Autograd.variable(x);
        Tensor y = forward.apply(leaf);
        Tensor cotangent = random("cotangent", y.shape().toArray()).cast(y.dtype());
        Gradients gradients = Autograd.gradients(y, cotangent);
        Map<String, Tensor> named = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> named.put(name, gradients.of(p.value()).copy()));
        named.put("x", gradients.of(leaf).copy());
        return named;
    }

    /// The largest `|a − b| / (1 + max|b|)`; infinite if one is NaN.
    static double difference(Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new AssertionError(a.shape() + " is not " + b.shape());
        }
        double worst = 0;
        double scale = 1;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
            scale = Math.max(scale, 1 + Math.abs(b.at(i)));
        }
        return worst / scale;
    }
}
