package dev.heddle.attention.clustered;

import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.ops.Softmax;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Attention of clusters of queries to all keys, to both sides, in time linear in the length for a fixed number of
/// clusters.
///
/// With `q̄_c` the mean of cluster c's queries and `a_c = softmax_j(q̄_c·k_j/√d)`, a query of cluster c gets
/// `Σ_j a_c[j]·v_j` (clustered); or, with `T` the `topk` keys of largest `q̄_c·k_j`,
/// `Σ_{j∉T} a_c[j]·v_j + m_c·Σ_{j∈T} softmax_{j∈T}(q·k_j/√d)·v_j` with `m_c = Σ_{j∈T} a_c[j]` (improved). Which cluster
/// a query is in, and T, are constants to gradients.
///
/// Nothing grows with L²: the scores of C centroids are the largest thing in memory.
///
/// Source: arXiv 2007.04825, equations 4–8; idiap/fast-transformers.
///
/// @param clusters C
/// @param topk keys that each query attends to by itself; 0 for none (clustered)
/// @param massDifferentiated whether gradients flow through the factor `m_c` of the top keys' part; the official code
///     stops them
public record ClusteredAttention(int clusters, int topk, boolean massDifferentiated) {
    /// @throws ConfigException if there is no cluster or `topk` is negative
    public ClusteredAttention {
        if (clusters < 1) {
            throw new ConfigException("clusters: " + clusters + " is less than 1; use 1 or more");
        }
        if (topk < 0) {
            throw new ConfigException("topk: " + topk + " is negative; use 1 or more, or 0 for centroids alone");
        }
    }

    /// What attention returns.
    ///
    /// @param y `[B, H, L, Dv]`; zero for padding
    /// @param counts I32 `[B, H, C]`, queries in each cluster
    /// @param topk I32 `[B, H, C, topk]`, each cluster's top keys, ascending, −1 where there are none; null without
    public record Result(Tensor y, Tensor counts, @Nullable Tensor topk) {}

    /// Attends.
    ///
    /// @param q `[B, H, L, D]`
    /// @param k `[B, H, L, D]`
    /// @param v `[B, H, L, Dv]`
    /// @param ids I32 `[B, H, L]`, the cluster of each query, as [HammingClustering] finds them
    /// @param lengths I32 `[B]`, how many tokens of each sequence are no padding; null if all are
    /// @throws ShapeException if the tensors do not fit together
    /// @throws InputException if an id is outside `0..C-1` or a length outside `0..L`
    public Result attend(Tensor q, Tensor k, Tensor v, Tensor ids, @Nullable Tensor lengths) {
        requireFit(q, k, v, ids);
        int[] valid = Lengths.of(lengths, q.dim(0), q.dim(2));
        Clusters found = new Clusters(ids, clusters, valid);
        if (v.elements() == 0) {
            return new Result(Tensor.zeros(v.dtype(), v.shape()), found.counts(), null);
        }
        Tensor mask = lengths == null ? null : Lengths.mask(valid, q.dim(2));
        Tensor means = ClusterRows.mean(flat(q), found);
        Tensor centroids = Layout.reshape(means, q.shape().with(2, clusters));
        return topk == 0
                ? new Result(byCentroid(centroids, k, v, found, mask), found.counts(), null)
                : new Improved(q, k, v, found, mask).attend(centroids, valid);
    }

    private static void requireFit(Tensor q, Tensor k, Tensor v, Tensor ids) {
        boolean fits =
                q.rank() == 4
                        && q.dtype().isFloating()
                        && q.shape().equals(k.shape())
                        && v.rank() == 4
                        && v.shape().with(3, q.dim(3)).equals(q.shape())
                        && k.dtype() == q.dtype()
                        && v.dtype() == q.dtype()
                        && ids.shape().equals(q.shape().without(3));
        if (!fits) {
            throw new ShapeException(
                    "clustered attention: q "
                            + q.shape()
                            + ", k "
                            + k.shape()
                            + ", v "
                            + v.shape()
                            + ", clusters "
                            + ids.shape()
                            + " do not fit; q and k [B, H, L, D], v [B, H, L, Dv] of one type and clusters [B, H, L]"
                            + " are needed");
        }
    }

    private static Tensor flat(Tensor x) {
        return Layout.reshape(x, Math.toIntExact(x.shape().rows()), x.dim(-1));
    }

    private static Tensor byCentroid(Tensor centroids, Tensor k, Tensor v, Clusters found, @Nullable Tensor mask) {
        AttentionOptions options = headMajor(AttentionOptions.of(Patterns.full()));
        ScaledDotProduct.Result result =
                ScaledDotProduct.attend(centroids, k, v, mask == null ? options : options.masked(mask));
        return Layout.reshape(ClusterRows.of(flat(result.y()), found), v.shape());
    }

    private static AttentionOptions headMajor(AttentionOptions options) {
        return options.laidOut(AttentionOptions.Layout.HEAD_MAJOR);
    }

    /// One call with top keys.
    private final class Improved {
        private final Tensor q;
        private final Tensor k;
        private final Tensor v;
        private final Clusters found;
        private final @Nullable Tensor mask;

        Improved(Tensor q, Tensor k, Tensor v, Clusters found, @Nullable Tensor mask) {
            this.q = q;
            this.k = k;
            this.v = v;
            this.found = found;
            this.mask = mask;
        }

        // The centroids' scores are written out: they are needed to choose the keys, and once there they need not be
        // computed again to attend.
        Result attend(Tensor centroids, int[] valid) {
            Tensor scores = Arithmetic.scale(MatMul.productTransposed(centroids, k), 1 / Math.sqrt(q.dim(3)));
            TopKeys top = new TopKeys(scores, found, topk, valid);
            Tensor allowed = mask == null ? scores : Layout.fillWhere(scores, mask, Double.NEGATIVE_INFINITY);
            Tensor others = Layout.fillWhere(Softmax.softmax(allowed), top.others(), 0);
            Tensor mass = Arithmetic.affine(Reduction.sum(others, -1), -1, 1);
            Tensor factor = massDifferentiated ? mass : mass.detach();
            Tensor rest = ClusterRows.of(flat(MatMul.product(others, v)), found);
            Tensor weight = ClusterRows.of(Layout.reshape(factor, -1, 1), found);
            Tensor y = Arithmetic.add(rest, Arithmetic.multiply(byQuery(top), weight));
            return new Result(Layout.reshape(y, v.shape()), found.counts(), top.keys());
        }

        // All rows of heads in one call, as its heads: the pattern knows which keys belong to which of them.
        private Tensor byQuery(TopKeys top) {
            Tensor rows = top.rows();
            Tensor sorted = rowsAsHeads(Gather.rows(flat(q), found.order(), "query"), found.length());
            Tensor keys = rowsAsHeads(Gather.rows(flat(k), rows, "key"), top.count());
            Tensor values = rowsAsHeads(Gather.rows(flat(v), rows, "key"), top.count());
            AttentionOptions options = headMajor(AttentionOptions.of(top.pattern()));
            Tensor y = ScaledDotProduct.attend(sorted, keys, values, options).y();
            return Gather.rows(flat(y), found.inverse(), "query");
        }

        private Tensor rowsAsHeads(Tensor x, int tokens) {
            return Layout.reshape(x, Shape.of(1, found.rows(), tokens, x.dim(1)));
        }
    }
}
