package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Attention with every score written out, composed of primitive operations: the reference that tiled kernels are
/// compared with, differentiable in any floating type. Time and memory grow with N·M.
///
/// The mask rule: true = may attend; a query that may attend nothing gets zeros and no gradient.
public final class MaterialisedAttention {
    private MaterialisedAttention() {}

    /// What [#attend] returns.
    ///
    /// @param y `[B, N, H, Dv]`
    /// @param weights the softmax of the scores, `[B, H, N, M]`
    /// @param scores scaled, biased and masked (−∞), `[B, H, N, M]`; their log-sum-exp is that of the kernels
    public record Result(Tensor y, Tensor weights, Tensor scores) {}

    /// `softmax(scale · q·kᵀ + bias, masked) · v`.
    ///
    /// @param q `[B, N, H, D]`
    /// @param k `[B, M, G, D]`; query head h uses key head `h / (H/G)`
    /// @param v `[B, M, G, Dv]`
    /// @param bias added to the scaled scores, broadcastable to `[B, H, N, M]`; null for none
    /// @param mask BOOL, broadcastable to `[B, H, N, M]`; null if all may be attended
    /// @throws ShapeException if the shapes do not fit
    public static Result attend(
            Tensor q, Tensor k, Tensor v, @Nullable Tensor bias, @Nullable Tensor mask, double scale) {
        check(q, k, v);
        int heads = q.dim(2);
        Tensor scores = Arithmetic.scale(MatMul.productTransposed(headMajor(q, heads), headMajor(k, heads)), scale);
        if (bias != null) {
            scores = Arithmetic.add(scores, bias);
        }
        if (mask != null) {
            scores = Layout.fillWhere(scores, mask, Double.NEGATIVE_INFINITY);
        }
        Tensor weights = Softmax.softmax(scores);
        Tensor y = MatMul.product(weights, headMajor(v, heads));
        return new Result(Layout.permute(y, 0, 2, 1, 3), weights, scores);
    }

    private static void check(Tensor q, Tensor k, Tensor v) {
        boolean ranks = q.rank() == 4 && k.rank() == 4 && v.rank() == 4;
        if (!ranks
                || q.dim(0) != k.dim(0)
                || q.dim(3) != k.dim(3)
                || k.dim(2) == 0
                || q.dim(2) % k.dim(2) != 0
                || !k.shape().with(3, v.dim(3)).equals(v.shape())) {
            throw new ShapeException(
                    "attention: q "
                            + q.shape()
                            + ", k "
                            + k.shape()
                            + " and v "
                            + v.shape()
                            + " do not fit; [B, N, H, D], [B, M, G, D] and [B, M, G, Dv] with G dividing H are needed");
        }
    }

    // [B, M, G, D] → [B, H, M, D], key heads repeated for the query heads that share them.
    private static Tensor headMajor(Tensor x, int heads) {
        Tensor y = Layout.permute(x, 0, 2, 1, 3);
        int groups = y.dim(1);
        if (groups == heads) {
            return y;
        }
        Tensor single = Layout.reshape(y, y.dim(0), groups, 1, y.dim(2), y.dim(3));
        Tensor repeated = Layout.expand(single, single.shape().with(2, heads / groups));
        return Layout.reshape(repeated, y.shape().with(1, heads));
    }

    /// The causal mask of N queries that are the last of M tokens: `[N, M]`, true where `j ≤ i + M − N`.
    public static Tensor causalMask(int queries, int keys) {
        boolean[] allowed = new boolean[queries * keys];
        for (int i = 0; i < queries; i++) {
            for (int j = 0; j < keys; j++) {
                allowed[i * keys + j] = j <= i + keys - queries;
            }
        }
        return Tensor.of(allowed, queries, keys);
    }

    /// A bias by distance written out: `[H, N + M − 1]` → `[H, N, M]`. The entry for key j and the query at absolute
    /// position `i' = i + M − N` is taken from index `(j − i') + (M − 1)`.
    ///
    /// @throws ShapeException if the bias has another length
    public static Tensor biasByPair(Tensor biasByDistance, int queries, int keys) {
        if (biasByDistance.rank() != 2 || biasByDistance.dim(1) != queries + keys - 1) {
            throw new ShapeException(
                    "bias: "
                            + biasByDistance.shape()
                            + " does not cover the distances of "
                            + queries
                            + " queries and "
                            + keys
                            + " keys; it must be [H, "
                            + (queries + keys - 1)
                            + "]");
        }
        int[] distance = new int[queries * keys];
        for (int i = 0; i < queries; i++) {
            for (int j = 0; j < keys; j++) {
                distance[i * keys + j] = j - i + queries - 1;
            }
        }
        Tensor byPair = Gather.rows(Layout.transpose(biasByDistance), Tensor.of(distance, distance.length), "distance");
        return Layout.reshape(Layout.transpose(byPair), Shape.of(biasByDistance.dim(0), queries, keys));
    }
}
