package dev.heddle.attention;

import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Softmax;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;
import dev.heddle.positional.QueryKeyPosition;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// Attention as it is written in papers, of primitive operations on F64 tensors with every score in memory: what layers
/// whose patterns are computed in pieces are compared with.
public final class DenseOracle {
    private DenseOracle() {}

    /// How often a pair counts.
    @FunctionalInterface
    public interface Multiplicity {
        int of(int b, int head, int query, int key);
    }

    /// Gaussian numbers that depend on the name and sizes.
    public static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(7).split(name)).cast(DType.F64);
    }

    /// Gives a module random F64 parameters, biases and norms included.
    public static <M extends Module> M randomised(M module) {
        module.convert(DType.F64);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        module.parameters()
                .forEach(
                        (name, p) ->
                                weights.put(name, Arithmetic.scale(random(name, p.value().shape().toArray()), 0.4)));
        module.load(weights);
        return module;
    }

    /// The largest difference of two elements; infinite if one is NaN.
    public static double difference(Tensor a, Tensor b) {
        return Tensors.difference(a, b);
    }

    /// The scores `q·kᵀ/√Dh + ln μ`, `[B, H, N, M]`.
    ///
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, M, H, Dh]`
    public static Tensor scores(Tensor q, Tensor k, Multiplicity count) {
        Tensor products = MatMul.productTransposed(Layout.permute(q, 0, 2, 1, 3), Layout.permute(k, 0, 2, 1, 3));
        double[] logs = new double[Math.toIntExact(products.elements())];
        int at = 0;
        for (int b = 0; b < q.dim(0); b++) {
            for (int h = 0; h < q.dim(2); h++) {
                for (int i = 0; i < q.dim(1); i++) {
                    for (int j = 0; j < k.dim(1); j++) {
                        logs[at++] = Math.log(count.of(b, h, i, j));
                    }
                }
            }
        }
        return Arithmetic.add(
                Arithmetic.scale(products, 1 / Math.sqrt(q.dim(3))), Tensor.of(logs, products.shape().toArray()));
    }

    /// `softmax(scores)·v`, `[B, N, H, Dh]`; 0 where a query sees no key.
    public static Tensor attend(Tensor scores, Tensor v) {
        Tensor y = MatMul.product(Softmax.softmax(scores), Layout.permute(v, 0, 2, 1, 3));
        return Layout.permute(y, 0, 2, 1, 3);
    }

    /// `x·Wᵀ + b` of a module's part, the bias only if there is one.
    public static Tensor project(Module module, String part, Tensor x) {
        var parameters = module.parameters();
        var bias = parameters.get(part + ".bias");
        return MatMul.linear(x, parameters.get(part + ".weight").value(), bias == null ? null : bias.value());
    }

    /// [#project] in heads: `[B, N, H, Dh]`.
    public static Tensor heads(Module module, String part, Tensor x, int heads) {
        return Layout.reshape(project(module, part, x), x.dim(0), x.dim(1), heads, x.dim(2) / heads);
    }

    /// [#heads] of queries or keys at their positions `0..N-1`, which a rotation treats alike.
    public static Tensor heads(
            Module module, String part, Tensor x, int heads, QueryKeyPosition.@Nullable Factory position) {
        Tensor split = heads(module, part, x, heads);
        return position == null
                ? split
                : position.create(split.dim(3)).onQueries(split, Positions.range(0, split.dim(1)));
    }

    /// The gradients of a random combination of `y`, by parameter, and of the leaf `x` as `x`.
    public static Map<String, Tensor> gradients(Module module, Tensor x, Tensor y) {
        Gradients gradients = Autograd.gradients(y, random("cotangent", y.shape().toArray()).cast(y.dtype()));
        Map<String, Tensor> named = new LinkedHashMap<>();
        module.parameters().forEach((name, p) -> named.put(name, gradients.of(p.value()).copy()));
        named.put("x", gradients.of(x).copy());
        return named;
    }

    /// The largest difference of two sets of tensors of the same names.
    public static double difference(Map<String, Tensor> a, Map<String, Tensor> b) {
        if (!a.keySet().equals(b.keySet())) {
            throw new AssertionError(a.keySet() + " is not " + b.keySet());
        }
        return a.keySet().stream().mapToDouble(name -> difference(a.get(name), b.get(name))).max().orElse(0);
    }
}
