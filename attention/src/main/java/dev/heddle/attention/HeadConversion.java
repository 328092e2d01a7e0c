package dev.heddle.attention;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// Makes attention with fewer key/value heads from trained attention: a starting point for more training, not the same
/// function (unless the heads that are joined were equal).
///
/// Source: GQA, arXiv 2305.13245 §2.1, which finds the mean of the heads better than the first of them or new ones.
public final class HeadConversion {
    private HeadConversion() {}

    /// The layer with key/value heads that are the means of neighbouring ones; everything else is copied.
    ///
    /// @throws ConfigException if `keyValueHeads` does not divide the heads that `source` has, or its key and value
    ///     projections are of a kind whose parameters have no rows of heads
    public static Attention meanPool(Attention source, int keyValueHeads) {
        int heads = source.spec().keyValueHeads();
        if (keyValueHeads < 1 || heads % keyValueHeads != 0) {
            throw new ConfigException(
                    "heads: " + heads + " key/value heads cannot be joined to " + keyValueHeads + "; use a divisor");
        }
        Attention converted = source.spec().keyValueHeads(keyValueHeads).create(source.width(), Seed.of(0));
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> pooled = pool(source, keyValueHeads);
            Scope.outside(
                    () -> {
                        pooled.values().stream().findFirst().ifPresent(any -> converted.convert(any.dtype()));
                        converted.load(pooled);
                        return converted;
                    });
        }
        return converted;
    }

    /// The parameters of the converted layer, computed from those of the source, so that gradients flow to these.
    static Map<String, Tensor> pool(Attention source, int keyValueHeads) {
        Map<String, Tensor> pooled = new LinkedHashMap<>();
        source.parameters()
                .forEach(
                        (name, parameter) -> {
                            boolean shared = name.startsWith("wk.") || name.startsWith("wv.");
                            Tensor value = parameter.value();
                            pooled.put(name, shared ? pool(name, value, source, keyValueHeads) : value);
                        });
        return pooled;
    }

    private static Tensor pool(String name, Tensor rows, Attention source, int groups) {
        int heads = source.spec().keyValueHeads();
        if (rows.rank() < 1 || rows.dim(0) != heads * source.headWidth()) {
            throw new ConfigException(
                    "conversion: parameter "
                            + name
                            + " "
                            + rows.shape()
                            + " does not have a row for each element of "
                            + heads
                            + " heads; only layers that have can be pooled");
        }
        return meanPool(rows, heads, groups);
    }

    /// The means of neighbouring heads' rows: `[heads·Dh, …]` → `[groups·Dh, …]`.
    ///
    /// @throws ShapeException if the rows do not divide into heads, or the heads into groups
    public static Tensor meanPool(Tensor rows, int heads, int groups) {
        if (rows.rank() < 1 || groups < 1 || heads < groups || heads % groups != 0 || rows.dim(0) % heads != 0) {
            throw new ShapeException(
                    "pooling: the rows of "
                            + rows.shape()
                            + " do not divide into "
                            + heads
                            + " heads in "
                            + groups
                            + " groups");
        }
        Shape shape = rows.shape().with(0, rows.dim(0) / heads * groups);
        Tensor blocks = Layout.reshape(rows, groups, heads / groups, -1);
        return Layout.reshape(Arithmetic.scale(Reduction.sum(blocks, 1), (double) groups / heads), shape);
    }
}
