package dev.heddle.attention.composed;

import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Normalization;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// Makes the factors of a [Composition] from tokens, for four uses c: query and key before the softmax, query and key
/// after it.
///
/// `h = GELU(dw1_c·x)` of width K; `[W1; W2] = Σ_k h_k·qkw[c, k]`; `W1` is divided by the root of its mean square
/// over the heads; `g = tanh(dd_c·x)`. Parameters `dw1` `[4K, D]`, `qkw` `[4, K, 2R, H]`, `dd` `[4H, D]`; uses that
/// are switched off have their slices all the same.
final class DynamicFactors extends Module {
    /// The use of a query before the softmax; that of its keys follows.
    static final int PRE = 0;

    /// The use of a query after the softmax; that of its keys follows.
    static final int POST = 2;

    private static final int USES = 4;

    private final ComposedSpec spec;
    private final int width;
    private final int hidden;
    private final @Nullable Parameter dw1;
    private final @Nullable Parameter qkw;
    private final @Nullable Parameter dd;

    DynamicFactors(ComposedSpec spec, int width, Seed seed) {
        this.spec = spec;
        this.width = width;
        int heads = spec.heads;
        hidden = 2 * heads * spec.rank;
        if (spec.dynamic) {
            Initialiser first = Initialiser.normal(Math.sqrt(2.0 / (width + hidden)));
            dw1 = parameter("dw1", first.create(Shape.of(USES * hidden, width), seed.split("dw1")));
            Initialiser second = Initialiser.normal(0.02 / (Math.sqrt(hidden) * (heads + 2)));
            qkw = parameter("qkw", second.create(Shape.of(USES, hidden, 2 * spec.rank, heads), seed.split("qkw")));
        } else {
            dw1 = null;
            qkw = null;
        }
        Initialiser gates = Initialiser.normal(0.05 * Math.sqrt(2.0 / (width + heads)));
        dd = spec.gate ? parameter("dd", gates.create(Shape.of(USES * heads, width), seed.split("dd"))) : null;
    }

    int rank() {
        return spec.dynamic ? spec.rank : 0;
    }

    /// The factors of tokens `[B, N, D]` for one use: `[B, N, F, H]`.
    Tensor of(Tensor x, int use) {
        List<Tensor> rows = new ArrayList<>();
        if (dw1 != null && qkw != null) {
            Tensor both = lowRank(x, dw1.value(), qkw.value(), use);
            Tensor w1 = Layout.slice(both, 2, 0, spec.rank);
            rows.add(Normalization.rmsNorm(w1, null, 0, spec.dynamicNormEps));
            rows.add(Layout.slice(both, 2, spec.rank, 2 * spec.rank));
        }
        if (dd != null) {
            Tensor gates = Arithmetic.tanh(MatMul.linear(x, slice(dd.value(), use, spec.heads), null));
            rows.add(Layout.reshape(gates, x.dim(0), x.dim(1), 1, spec.heads));
        }
        return rows.size() == 1 ? rows.getFirst() : Layout.concatenate(2, rows.toArray(Tensor[]::new));
    }

    private Tensor lowRank(Tensor x, Tensor first, Tensor second, int use) {
        Tensor h = MatMul.linear(x, slice(first, use, hidden), null, spec.activation);
        Tensor map = Layout.reshape(Layout.slice(second, 0, use, use + 1), hidden, 2 * spec.rank * spec.heads);
        return Layout.reshape(MatMul.product(h, map), x.dim(0), x.dim(1), 2 * spec.rank, spec.heads);
    }

    private static Tensor slice(Tensor weight, int use, int rows) {
        return Layout.slice(weight, 0, use * rows, (use + 1) * rows);
    }

    /// The multiply-adds of [#of] for one token.
    long multiplyAdds() {
        long heads = spec.heads;
        long lowRank = spec.dynamic ? (long) hidden * (width + 2L * spec.rank * heads) : 0;
        return lowRank + (spec.gate ? heads * width : 0);
    }
}
