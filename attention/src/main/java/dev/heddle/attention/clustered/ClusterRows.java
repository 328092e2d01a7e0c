package dev.heddle.attention.clustered;

import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// From the rows of queries to those of their clusters and back.
final class ClusterRows {
    private ClusterRows() {}

    /// The mean over each cluster's queries: `[R·L, D]` → `[R·C, D]`, zero for an empty one. Every member gets
    /// `1/count` of the gradient.
    static Tensor mean(Tensor x, Clusters clusters) {
        WorkMeter.add(x.elements());
        return Arithmetic.multiply(sum(x, clusters), perMember(clusters, x));
    }

    private static Tensor perMember(Clusters clusters, Tensor x) {
        int[] counts = clusters.counts().toInts();
        double[] shares = new double[counts.length];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = 1.0 / Math.max(1, counts[i]);
        }
        return Tensor.of(shares, shares.length, 1).cast(x.dtype());
    }

    // The transpose of `of`: what one does to tensors, the other does to gradients.
    private static Tensor sum(Tensor x, Clusters clusters) {
        Kernels kernels = x.dtype().kernels();
        Tensor index = clusters.membership();
        int width = x.dim(1);
        // One row more, which collects the padding.
        Shape all = Shape.of(clusters.rows() * clusters.clusters() + 1, width);
        Tensor sums = Tensor.zeros(x.dtype(), all);
        kernels.scatterAddRows(x.address(), index.address(), sums.address(), index.elements(), width);
        Tensor y = sums.viewAt(0, all.with(0, all.dim(0) - 1));
        return Autograd.record(y, dy -> new @Nullable Tensor[] {of(dy, clusters), null}, x, index);
    }

    /// The row of each query's cluster: `[R·C, D]` → `[R·L, D]`, zero for padding.
    static Tensor of(Tensor x, Clusters clusters) {
        Tensor none = Tensor.zeros(x.dtype(), 1, x.dim(1));
        return Gather.rows(Layout.concatenate(0, x, none), clusters.membership(), "cluster");
    }
}
