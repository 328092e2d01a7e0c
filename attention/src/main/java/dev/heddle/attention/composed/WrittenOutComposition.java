package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Softmax;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Composed attention with every pair in memory, made of primitive operations: the reference of [ComposedProduct],
/// and for those who want to see the probabilities. Time and memory grow with N·M.
///
/// @param probabilities the softmax of the composed scores, `[B, H, N, M]`
/// @param composed the probabilities after post-composition, `[B, H, N, M]`; their rows need not sum to 1
record WrittenOutComposition(Tensor probabilities, Tensor composed) {
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, M, H, Dh]`
    static WrittenOutComposition of(
            Tensor q, Tensor k, @Nullable Composition pre, @Nullable Composition post, AttentionPattern pattern) {
        Tensor products = MatMul.productTransposed(headMajor(q), headMajor(k));
        Tensor scores = compose(Arithmetic.scale(products, 1 / Math.sqrt(q.dim(3))), pre);
        Tensor masked = Layout.fillWhere(scores, mask(pattern, q.dim(1), k.dim(1)), Double.NEGATIVE_INFINITY);
        Tensor probabilities = Softmax.softmax(masked);
        return new WrittenOutComposition(probabilities, compose(probabilities, post));
    }

    /// The outputs `[B, N, H, Dh]`.
    ///
    /// @param v `[B, M, H, Dh]`
    Tensor attend(Tensor v) {
        return headMajor(MatMul.product(composed, headMajor(v)));
    }

    /// `[B, H, N, M]` → `[B, H, N, M]`, all terms of a [Composition].
    static Tensor compose(Tensor a, @Nullable Composition composition) {
        if (composition == null) {
            return a;
        }
        Tensor byQuery = Layout.permute(a, 0, 2, 3, 1);
        Tensor mixed = add(byQuery, mixed(byQuery, composition.byQuery(), composition));
        Tensor sw = composition.mixing();
        if (sw != null) {
            mixed = Arithmetic.add(mixed, MatMul.product(byQuery, sw));
        }
        Tensor headsFirst = Layout.permute(mixed, 0, 3, 1, 2);
        Tensor byKey = mixed(Layout.permute(a, 0, 3, 2, 1), composition.byKey(), composition);
        return byKey == null ? headsFirst : Arithmetic.add(headsFirst, Layout.permute(byKey, 0, 3, 2, 1));
    }

    private static Tensor add(Tensor a, @Nullable Tensor b) {
        return b == null ? a : Arithmetic.add(a, b);
    }

    // The terms of one side: pairs [B, T, S, H] of T tokens with factors [B, T, F, H].
    private static @Nullable Tensor mixed(Tensor pairs, @Nullable Tensor factors, Composition composition) {
        if (factors == null) {
            return null;
        }
        int rank = composition.rank();
        Tensor sum = null;
        if (rank > 0) {
            Tensor w1 = Layout.slice(factors, 2, 0, rank);
            Tensor w2 = Layout.slice(factors, 2, rank, 2 * rank);
            sum = MatMul.product(MatMul.productTransposed(pairs, w1), w2);
        }
        if (composition.gated()) {
            Tensor gates = Layout.slice(factors, 2, 2 * rank, 2 * rank + 1);
            sum = add(Arithmetic.multiply(pairs, gates), sum);
        }
        return sum;
    }

    private static Tensor mask(AttentionPattern pattern, int queries, int keys) {
        boolean[] allowed = new boolean[Math.multiplyExact(queries, keys)];
        for (int i = 0; i < queries; i++) {
            for (int j = 0; j < keys; j++) {
                allowed[i * keys + j] = pattern.allows(0, i + keys - queries, j);
            }
        }
        return Tensor.of(allowed, Shape.of(queries, keys).toArray());
    }

    // Exchanges the axes of tokens and heads.
    private static Tensor headMajor(Tensor x) {
        return Layout.permute(x, 0, 2, 1, 3);
    }
}
