package dev.heddle.attention.composed;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// How the H heads of a query–key pair are mixed, `a → a + swᵀa + Σ over both sides of (W2ᵀ·W1·a + g∘a)`: a matrix
/// for all pairs, and factors that come from the query and from the key.
///
/// The F rows of a token's factors are R rows of `W1`, R rows of `W2` and, if there are gates, the row of gates g; a
/// side without factors adds nothing. Source: arXiv 2405.08553; Caiyun-AI/DCFormer.
///
/// @param mixing `sw`, `[H, H]` from head to head, or null
/// @param byQuery factors of the queries, `[B, N, F, H]`, or null
/// @param byKey factors of the keys, `[B, M, F, H]`, or null
/// @param rank R; 0 if there are gates only
/// @param gated whether the last row is one of gates
record Composition(@Nullable Tensor mixing, @Nullable Tensor byQuery, @Nullable Tensor byKey, int rank, boolean gated) {
    /// The rows of a token's factors, F.
    int rows() {
        return rows(rank, gated);
    }

    static int rows(int rank, boolean gated) {
        return 2 * rank + (gated ? 1 : 0);
    }

    /// The tensors that are there, in the order of the components.
    List<Tensor> tensors() {
        List<Tensor> tensors = new ArrayList<>();
        for (@Nullable Tensor tensor : new @Nullable Tensor[] {mixing, byQuery, byKey}) {
            if (tensor != null) {
                tensors.add(tensor);
            }
        }
        return tensors;
    }

    /// The same with the factors of other keys.
    Composition withKeys(@Nullable Tensor factors) {
        return new Composition(mixing, byQuery, factors, rank, gated);
    }

    /// The same with the tokens in the order of a call.
    ///
    /// @param all tokens of the sequence that the queries are the last of
    Composition arranged(Arrangement order, int all) {
        return new Composition(
                mixing,
                byQuery == null ? null : order.ofQueries(byQuery, all),
                byKey == null ? null : order.ofKeys(byKey),
                rank,
                gated);
    }

    /// Multiply-adds of one pair of a query and a key.
    long multiplyAdds(int heads) {
        long side = 2L * rank * heads + (gated ? heads : 0);
        long sides = (byQuery == null ? 0 : side) + (byKey == null ? 0 : side);
        return sides + (mixing == null ? 0 : (long) heads * heads);
    }

    /// @param keys tokens that the keys' factors must have
    /// @throws ShapeException if a tensor does not fit queries `[B, N, H, Dh]`
    void check(Tensor q, int keys) {
        int heads = q.dim(2);
        check("mixing", mixing, q.dtype(), Shape.of(heads, heads));
        check("factors of the queries", byQuery, q.dtype(), Shape.of(q.dim(0), q.dim(1), rows(), heads));
        check("factors of the keys", byKey, q.dtype(), Shape.of(q.dim(0), keys, rows(), heads));
    }

    private static void check(String what, @Nullable Tensor tensor, DType dtype, Shape needed) {
        if (tensor != null && (tensor.dtype() != dtype || !tensor.shape().equals(needed))) {
            throw new ShapeException(
                    "composition: " + what + ": found " + tensor + "; " + dtype + needed + " is needed");
        }
    }
}
