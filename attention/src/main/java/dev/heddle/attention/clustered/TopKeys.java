package dev.heddle.attention.clustered;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.lang.ref.Reference;
import java.util.Arrays;

/// The keys that each cluster's queries attend to one by one.
final class TopKeys {
    private final Clusters clusters;
    private final int wanted;
    private final int slots;
    private final int[] lengths;
    private final int[][] chosen;

    /// @param scores `[B, H, C, L]` of the centroids
    /// @param wanted keys for each cluster, of the largest scores
    /// @param lengths how many keys of each sequence are no padding
    TopKeys(Tensor scores, Clusters clusters, int wanted, int[] lengths) {
        this.clusters = clusters;
        this.wanted = wanted;
        this.lengths = lengths;
        slots = Math.min(wanted, clusters.length());
        chosen = new int[clusters.rows() * clusters.clusters()][];
        Parallel.run(clusters.rows(), row -> select(scores, row));
        Reference.reachabilityFence(scores);
    }

    private void select(Tensor scores, int row) {
        LargestScores largest = new LargestScores(slots);
        for (int c = 0; c < clusters.clusters(); c++) {
            int at = row * clusters.clusters() + c;
            boolean empty = clusters.count(row, c) == 0;
            chosen[at] = empty ? new int[0] : largest.select(scores, (long) at * clusters.length(), valid(row));
        }
    }

    private int valid(int row) {
        return lengths[row / (clusters.rows() / lengths.length)];
    }

    /// The keys, `[B, H, C, wanted]`: ascending, then −1 where there are fewer.
    Tensor keys() {
        int batch = lengths.length;
        Tensor keys = Tensor.uninitialised(DType.I32, batch, clusters.rows() / batch, clusters.clusters(), wanted);
        Native.ALL.asSlice(keys.address(), keys.bytes()).fill((byte) 0xFF);
        for (int i = 0; i < chosen.length; i++) {
            for (int k = 0; k < chosen[i].length; k++) {
                Native.setInt(keys.address() + ((long) i * wanted + k) * Integer.BYTES, chosen[i][k]);
            }
        }
        return keys;
    }

    /// BOOL `[B, H, C, L]`: true for the keys that were not chosen and are no padding.
    Tensor others() {
        int batch = lengths.length;
        int length = clusters.length();
        Tensor others = Tensor.zeros(DType.BOOL, Shape.of(batch, clusters.rows() / batch, clusters.clusters(), length));
        long address = others.address();
        for (int i = 0; i < chosen.length; i++) {
            long row = address + (long) i * length;
            Native.ALL.asSlice(row, valid(i / clusters.clusters())).fill((byte) 1);
            for (int key : chosen[i]) {
                Native.setBoolean(row + key, false);
            }
        }
        return others;
    }

    /// The rows of the chosen keys among all keys, cluster after cluster: I32 `[R·count]`. What a row of heads does not
    /// need of its `count` places is filled with its first key, which [#pattern()] keeps out.
    Tensor rows() {
        int[] rows = new int[Math.multiplyExact(clusters.rows(), count())];
        for (int row = 0; row < clusters.rows(); row++) {
            int at = row * count();
            Arrays.fill(rows, at, at + count(), row * clusters.length());
            for (int c = 0; c < clusters.clusters(); c++) {
                for (int key : chosen[row * clusters.clusters() + c]) {
                    rows[at++] = row * clusters.length() + key;
                }
            }
        }
        return Tensor.of(rows, rows.length);
    }

    /// Keys for one row of heads: no more than `topk` for each cluster that can have a query.
    int count() {
        return Math.min(clusters.clusters(), clusters.length()) * slots;
    }

    /// Which of [#rows()] the queries, sorted by cluster, attend to.
    AttentionPattern pattern() {
        int length = clusters.length();
        int[] from = new int[clusters.rows() * length];
        int[] to = new int[from.length];
        for (int row = 0; row < clusters.rows(); row++) {
            int query = row * length;
            int key = 0;
            for (int c = 0; c < clusters.clusters(); c++) {
                int end = query + clusters.count(row, c);
                int next = key + chosen[row * clusters.clusters() + c].length;
                Arrays.fill(from, query, end, key);
                Arrays.fill(to, query, end, next);
                query = end;
                key = next;
            }
            // Padding comes last and sees nothing.
            Arrays.fill(from, query, (row + 1) * length, key);
            Arrays.fill(to, query, (row + 1) * length, key);
        }
        return new ClusterBlocks(length, count(), from, to);
    }
}
