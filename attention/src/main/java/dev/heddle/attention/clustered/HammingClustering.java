package dev.heddle.attention.clustered;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.random.RandomGenerator;

/// Finds clusters of queries: each is hashed to the sides of random planes that it lies on, and Lloyd's algorithm clusters
/// the hashes by Hamming distance.
///
/// `bit_b(q) = [q·A_b > A_b,d]` with planes `A` `[bits, d + 1]`, the last column a bias; a query goes to the nearest
/// centroid, the first of several; bit b of a new centroid is set if it is in more than half of its members. A centroid
/// without members stays as it was, so that the same queries always give the same clusters. Hashes are computed in
/// double whatever the type of the queries.
///
/// Source: arXiv 2007.04825 §3.1 and appendix B; idiap/fast-transformers, `hash_cpu.cpp`, `cluster_cpu.cpp`.
///
/// @param clusters C
/// @param bits planes, at most 63
/// @param iterations assignments of queries to centroids
/// @param hashBias false if all planes go through the origin
/// @param seed of planes and initial centroids where none are given
public record HammingClustering(int clusters, int bits, int iterations, boolean hashBias, Seed seed) {
    /// The most bits of a hash.
    public static final int MOST_BITS = 63;

    /// @throws ConfigException if a number is out of range
    public HammingClustering {
        if (clusters < 1) {
            throw new ConfigException("clusters: " + clusters + " is less than 1; use 1 or more");
        }
        if (bits < 1 || bits > MOST_BITS) {
            throw new ConfigException("bits: " + bits + " do not make a hash; use 1.." + MOST_BITS);
        }
        if (iterations < 1) {
            throw new ConfigException("iterations: " + iterations + " is less than 1; use 1 or more");
        }
    }

    /// What clustering returns.
    ///
    /// @param hashes one a query, in the order of `[B, H, L]`
    /// @param centroids one a cluster, in the order of `[B, H, C]`
    /// @param ids I32 `[B, H, L]`, the cluster of each query; −1 for padding
    public record Result(long[] hashes, long[] centroids, Tensor ids) {}

    /// Clusters with planes and initial centroids of this clustering's seed.
    ///
    /// @param q `[B, H, L, D]`
    /// @param lengths I32 `[B]`, how many queries of each sequence are no padding; null if all are
    public Result cluster(Tensor q, @Nullable Tensor lengths) {
        return cluster(q, lengths, null, null);
    }

    /// Clusters.
    ///
    /// @param q `[B, H, L, D]`
    /// @param lengths I32 `[B]`, how many queries of each sequence are no padding; null if all are
    /// @param planes `[bits, D + 1]`; null for random ones
    /// @param init I32 `[C]`, the queries whose hashes are the first centroids; null for different random ones
    /// @throws ShapeException if a tensor does not fit
    /// @throws InputException if an initial query does not exist, or there are fewer queries than centroids to draw
    public Result cluster(Tensor q, @Nullable Tensor lengths, @Nullable Tensor planes, @Nullable Tensor init) {
        if (q.rank() != 4 || !q.dtype().isFloating()) {
            throw new ShapeException("clustering: found " + q + "; floating queries [B, H, L, D] are needed");
        }
        int length = q.dim(2);
        int[] valid = Lengths.of(lengths, q.dim(0), length);
        int[] first = init == null ? drawn(valid) : checkedInit(init, length);
        long[] hashes = hashes(q, planes == null ? random(q.dim(3)) : checkedPlanes(planes, q.dim(3)));
        int rows = q.dim(0) * q.dim(1);
        long[] centroids = new long[Math.multiplyExact(rows, clusters)];
        int[] ids = new int[hashes.length];
        Parallel.run(
                rows,
                row -> {
                    int count = valid[row / q.dim(1)];
                    new Lloyd(hashes, row * length, count, ids, centroids, row * clusters).run(first);
                    Arrays.fill(ids, row * length + count, (row + 1) * length, -1);
                });
        return new Result(hashes, centroids, Tensor.of(ids, q.dim(0), q.dim(1), length));
    }

    // The first C of a random order of the queries that every sequence has.
    private int[] drawn(int[] valid) {
        int queries = Arrays.stream(valid).min().orElse(0);
        if (clusters > queries) {
            throw new InputException(
                    "clusters: "
                            + clusters
                            + " different initial centroids cannot be drawn from "
                            + queries
                            + " queries; use at most "
                            + queries
                            + " clusters, or give init");
        }
        RandomGenerator random = seed.split("init").generator();
        int[] order = new int[queries];
        Arrays.setAll(order, i -> i);
        for (int c = 0; c < clusters; c++) {
            int other = random.nextInt(c, queries);
            int drawn = order[other];
            order[other] = order[c];
            order[c] = drawn;
        }
        return Arrays.copyOf(order, clusters);
    }

    private int[] checkedInit(Tensor init, int length) {
        if (init.dtype() != DType.I32 || !init.shape().equals(Shape.of(clusters))) {
            throw new ShapeException("init: found " + init + "; I32 [" + clusters + "] is needed");
        }
        int[] first = init.toInts();
        for (int query : first) {
            if (query < 0 || query >= length) {
                throw new InputException("init: query " + query + " does not exist; use 0.." + (length - 1));
            }
        }
        return first;
    }

    private double[] checkedPlanes(Tensor planes, int width) {
        if (!planes.dtype().isFloating() || !planes.shape().equals(Shape.of(bits, width + 1))) {
            throw new ShapeException(
                    "planes: found " + planes + "; floating [" + bits + ", " + (width + 1) + "] needed");
        }
        return planes.toDoubles();
    }

    private double[] random(int width) {
        RandomGenerator random = seed.split("planes").generator();
        double[] planes = new double[bits * (width + 1)];
        Arrays.setAll(planes, i -> random.nextGaussian());
        return planes;
    }

    private long[] hashes(Tensor q, double[] planes) {
        int width = q.dim(3);
        // Element by element of the query over all planes: a loop that vectors can run.
        double[] normals = new double[width * bits];
        double[] thresholds = new double[bits];
        for (int b = 0; b < bits; b++) {
            for (int d = 0; d < width; d++) {
                normals[d * bits + b] = planes[b * (width + 1) + d];
            }
            thresholds[b] = hashBias ? planes[b * (width + 1) + width] : 0;
        }
        long[] hashes = new long[Math.toIntExact(q.shape().rows())];
        Parallel.ranges(
                hashes.length,
                256,
                (from, to) -> {
                    double[] sums = new double[bits];
                    for (int i = (int) from; i < to; i++) {
                        project(q, (long) i * width, width, normals, sums);
                        hashes[i] = sides(sums, thresholds);
                    }
                });
        WorkMeter.add((long) hashes.length * width * bits);
        Reference.reachabilityFence(q);
        return hashes;
    }

    private static void project(Tensor q, long start, int width, double[] normals, double[] sums) {
        Arrays.fill(sums, 0);
        long address = q.address() + start * q.dtype().bytes();
        boolean wide = q.dtype() == DType.F64;
        for (int d = 0; d < width; d++) {
            double element =
                    wide
                            ? Native.getDouble(address + (long) Double.BYTES * d)
                            : Native.getFloat(address + (long) Float.BYTES * d);
            for (int b = 0; b < sums.length; b++) {
                sums[b] += element * normals[d * sums.length + b];
            }
        }
    }

    private static long sides(double[] sums, double[] thresholds) {
        long hash = 0;
        for (int b = 0; b < sums.length; b++) {
            hash |= sums[b] > thresholds[b] ? 1L << b : 0;
        }
        return hash;
    }

    /// Lloyd's algorithm on the hashes of one head.
    private final class Lloyd {
        private final long[] hashes;
        private final int start;
        private final int count;
        private final int[] ids;
        private final long[] centroids;
        private final int at;
        private final int[] members = new int[clusters];
        private final int[] ones = new int[clusters * bits];

        /// @param start of this head's hashes and ids
        /// @param count of them
        /// @param at where its centroids start
        Lloyd(long[] hashes, int start, int count, int[] ids, long[] centroids, int at) {
            this.hashes = hashes;
            this.start = start;
            this.count = count;
            this.ids = ids;
            this.centroids = centroids;
            this.at = at;
        }

        void run(int[] first) {
            for (int c = 0; c < clusters; c++) {
                centroids[at + c] = hashes[start + first[c]];
            }
            for (int i = 1; i < iterations; i++) {
                assign();
                move();
            }
            assign();
        }

        private void assign() {
            for (int i = start; i < start + count; i++) {
                ids[i] = nearest(hashes[i]);
            }
        }

        private int nearest(long hash) {
            int nearest = 0;
            int least = Integer.MAX_VALUE;
            for (int c = 0; c < clusters; c++) {
                int distance = Long.bitCount(hash ^ centroids[at + c]);
                if (distance < least) {
                    least = distance;
                    nearest = c;
                }
            }
            return nearest;
        }

        private void move() {
            Arrays.fill(members, 0);
            Arrays.fill(ones, 0);
            for (int i = start; i < start + count; i++) {
                members[ids[i]]++;
                for (long left = hashes[i]; left != 0; left &= left - 1) {
                    ones[ids[i] * bits + Long.numberOfTrailingZeros(left)]++;
                }
            }
            for (int c = 0; c < clusters; c++) {
                if (members[c] > 0) {
                    centroids[at + c] = majority(c);
                }
            }
        }

        private long majority(int cluster) {
            long centroid = 0;
            for (int b = 0; b < bits; b++) {
                centroid |= 2L * ones[cluster * bits + b] > members[cluster] ? 1L << b : 0;
            }
            return centroid;
        }
    }
}
