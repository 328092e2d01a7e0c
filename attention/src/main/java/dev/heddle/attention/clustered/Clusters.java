package dev.heddle.attention.clustered;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Which queries belong together. The B·H heads of a batch are counted as rows `r`, and every index below is one into
/// all rows' queries (`r·L + l`) or clusters (`r·C + c`) at once.
final class Clusters {
    private static final int MOST_CLUSTERS = 4096;

    private final Shape heads;
    private final int clusters;
    private final int length;
    private final int[] counts;
    private final int[] sorted;
    private final Tensor membership;
    private final Tensor order;
    private final Tensor inverse;

    /// @param ids `[B, H, L]` I32, the cluster of each query
    /// @param lengths of the sequences; what comes after is padding and belongs to no cluster
    /// @throws ConfigException if there are many more clusters than tokens
    /// @throws ShapeException if the ids are no such tensor
    /// @throws InputException if an id of a query that is no padding is outside `0..clusters-1`
    Clusters(Tensor ids, int clusters, int[] lengths) {
        if (ids.rank() != 3 || ids.dtype() != DType.I32 || ids.dim(0) != lengths.length) {
            throw new ShapeException("clusters: found " + ids + "; I32 [" + lengths.length + ", H, L] is needed");
        }
        this.clusters = clusters;
        heads = Shape.of(ids.dim(0), ids.dim(1));
        length = ids.dim(2);
        int rows = Math.toIntExact(heads.elements());
        requireSensible(rows);
        counts = new int[rows * clusters];
        int[] member = ids.toInts();
        for (int i = 0; i < member.length; i++) {
            int row = i / length;
            member[i] = i % length < lengths[row / ids.dim(1)] ? row * clusters + checked(member[i]) : counts.length;
            if (member[i] < counts.length) {
                counts[member[i]]++;
            }
        }
        sorted = new int[member.length];
        int[] back = new int[member.length];
        for (int row = 0; row < rows; row++) {
            sort(member, row, back);
        }
        membership = Tensor.of(member, member.length);
        order = Tensor.of(sorted, sorted.length);
        inverse = Tensor.of(back, back.length);
    }

    // No more clusters than queries can have a member, yet each costs a pass over all keys.
    private void requireSensible(int rows) {
        int most = Math.max(MOST_CLUSTERS, length);
        if (clusters > most || (long) rows * clusters > Integer.MAX_VALUE) {
            throw new ConfigException(
                    "clusters: " + clusters + " in sequences of " + length + " tokens; use at most " + most);
        }
    }

    private int checked(int id) {
        if (id < 0 || id >= clusters) {
            throw new InputException("clusters: id " + id + " is outside; use 0.." + (clusters - 1));
        }
        return id;
    }

    // Counting sort of one row, padding last.
    private void sort(int[] member, int row, int[] back) {
        int[] next = new int[clusters + 1];
        next[0] = row * length;
        for (int c = 0; c < clusters; c++) {
            next[c + 1] = next[c] + counts[row * clusters + c];
        }
        for (int i = row * length; i < (row + 1) * length; i++) {
            int cluster = member[i] == counts.length ? clusters : member[i] - row * clusters;
            back[i] = next[cluster]++;
            sorted[back[i]] = i;
        }
    }

    /// B·H.
    int rows() {
        return Math.toIntExact(heads.elements());
    }

    int clusters() {
        return clusters;
    }

    /// L.
    int length() {
        return length;
    }

    /// Queries in a cluster.
    int count(int row, int cluster) {
        return counts[row * clusters + cluster];
    }

    /// Queries in each cluster, `[B, H, C]`.
    Tensor counts() {
        return Tensor.of(counts, heads.dim(0), heads.dim(1), clusters);
    }

    /// The cluster of each query, `[R·L]`; `R·C`, which is none, for padding.
    Tensor membership() {
        return membership;
    }

    /// The queries by cluster, `[R·L]`, padding last in each row.
    Tensor order() {
        return order;
    }

    /// Where each query is in [#order()], `[R·L]`.
    Tensor inverse() {
        return inverse;
    }
}
