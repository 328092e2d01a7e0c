package dev.heddle.attention;

import dev.heddle.attention.kernel.AttentionBias;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.MaterialisedAttention;
import dev.heddle.core.ops.Softmax;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Attention with every probability in memory, made of primitive operations: for those who want to see the
/// probabilities, and for dropout, which changes them. Time and memory grow with N·M.
final class WrittenOut {
    private final Tensor q;
    private final Tensor k;
    private final AttentionOptions options;

    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, M, G, Dh]`
    WrittenOut(Tensor q, Tensor k, AttentionOptions options) {
        this.q = q;
        this.k = k;
        this.options = options;
    }

    /// The softmax of the scores, `[B, H, N, M]`; zero where a query may see no key.
    Tensor probabilities() {
        Double scale = options.scale();
        Tensor scores = Arithmetic.scale(products(), scale == null ? 1 / Math.sqrt(q.dim(3)) : scale);
        double cap = options.softcap();
        if (cap > 0) {
            scores = Arithmetic.scale(Arithmetic.tanh(Arithmetic.scale(scores, 1 / cap)), cap);
        }
        AttentionBias bias = options.bias();
        if (bias != null) {
            scores = Arithmetic.add(scores, byPair(bias));
        }
        scores = Layout.fillWhere(scores, mask(options.pattern()), Double.NEGATIVE_INFINITY);
        Tensor mask = options.mask();
        if (mask != null) {
            scores = Layout.fillWhere(scores, mask, Double.NEGATIVE_INFINITY);
        }
        return Softmax.softmax(scores);
    }

    // The query heads that share a key head are more rows of one product: no key is repeated.
    private Tensor products() {
        Tensor keys = headMajor(k);
        Tensor queries = Layout.reshape(headMajor(q), q.dim(0), k.dim(2), -1, q.dim(3));
        return Layout.reshape(
                MatMul.productTransposed(queries, keys), Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1)));
    }

    /// The outputs `[B, N, H, Dv]` with dropout on the probabilities inside a training pass.
    ///
    /// @param v `[B, M, G, Dv]`
    Tensor attend(Tensor v, double dropout) {
        Tensor p = TrainingPass.dropout(probabilities(), dropout);
        Tensor rows = Layout.reshape(p, p.dim(0), v.dim(2), -1, p.dim(3));
        Tensor y = MatMul.product(rows, headMajor(v));
        return headMajor(Layout.reshape(y, p.dim(0), p.dim(1), p.dim(2), v.dim(3)));
    }

    private Tensor byPair(AttentionBias bias) {
        return switch (bias) {
            case AttentionBias.Toeplitz(Tensor values) -> MaterialisedAttention.biasByPair(values, q.dim(1), k.dim(1));
            case AttentionBias.Dense(Tensor values) -> values;
        };
    }

    private Tensor mask(AttentionPattern pattern) {
        return mask(pattern, q.dim(2), q.dim(1), k.dim(1));
    }

    /// What a pattern allows, `[H, N, M]`.
    static Tensor mask(AttentionPattern pattern, int heads, int queries, int keys) {
        boolean[] allowed = new boolean[Math.multiplyExact(Math.multiplyExact(heads, queries), keys)];
        int at = 0;
        for (int h = 0; h < heads; h++) {
            for (int query = keys - queries; query < keys; query++) {
                long bits = 0;
                for (int key = 0; key < keys; key++) {
                    bits = key % AttentionPattern.BITS == 0 ? pattern.bits(h, query, key) : bits >>> 1;
                    allowed[at++] = (bits & 1) != 0;
                }
            }
        }
        return Tensor.of(allowed, heads, queries, keys);
    }

    // Exchanges the axes of tokens and heads.
    private static Tensor headMajor(Tensor x) {
        return Layout.permute(x, 0, 2, 1, 3);
    }
}
