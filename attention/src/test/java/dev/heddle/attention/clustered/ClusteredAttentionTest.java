package dev.heddle.attention.clustered;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

class ClusteredAttentionTest {
    private static ClusteredAttention plain(int clusters) {
        return new ClusteredAttention(clusters, 0, false);
    }

    private static ClusteredAttention improved(int clusters, int topk) {
        return new ClusteredAttention(clusters, topk, true);
    }

    private static Tensor attend(ClusteredAttention attention, ClusterCase of, Tensor ids) {
        return attention.attend(of.q(), of.k(), of.v(), ids, null).y();
    }

    private static Tensor identity(int length) {
        int[] ids = new int[ClusterCase.B * ClusterCase.H * length];
        Arrays.setAll(ids, i -> i % length);
        return Tensor.of(ids, ClusterCase.B, ClusterCase.H, length);
    }

    @ParameterizedTest
    @CsvSource({"F64, 1e-12", "F32, 1e-5"})
    void oneQueryInEachClusterEqualsFull(DType dtype, double tolerance) {
        ClusterCase one = ClusterCase.of(29, 7, dtype, 1);
        one.equal(attend(plain(29), one, identity(29)), one.full(), tolerance);
        one.equal(attend(improved(29, 5), one, identity(29)), one.full(), tolerance);
    }

    @ParameterizedTest
    @CsvSource({"F64, 1e-12, 31", "F32, 1e-5, 31", "F64, 1e-12, 50", "F32, 1e-5, 50"})
    void allKeysOnTopEqualFull(DType dtype, double tolerance, int topk) {
        ClusterCase one = ClusterCase.of(31, 5, dtype, 2);
        one.equal(attend(improved(4, topk), one, one.ids(4)), one.full(), tolerance);
        // With all of the mass on top there is none whose gradient could be stopped.
        Tensor stopped = attend(new ClusteredAttention(4, topk, false), one, one.ids(4));
        one.equal(stopped, one.full(), tolerance);
    }

    @ParameterizedTest
    @CsvSource({"F64, 1e-12", "F32, 1e-5"})
    void equalQueriesInAClusterAreExact(DType dtype, double tolerance) {
        ClusterCase drawn = ClusterCase.of(23, 6, dtype, 3);
        Tensor ids = drawn.ids(4);
        Tensor q = drawn.q().copy();
        for (int row = 0; row < 6; row++) {
            for (int l = 0; l < 23; l++) {
                long from = (row * 23L + (int) ids.at(row * 23L + l)) * 6;
                q.viewAt((row * 23L + l) * 6, Shape.of(6)).copyFrom(drawn.q().viewAt(from, Shape.of(6)));
            }
        }
        ClusterCase one = drawn.withQueries(q);
        ClusterCase.equalTensors(attend(plain(4), one, ids), one.full(), tolerance);
        ClusterCase.equalTensors(attend(improved(4, 3), one, ids), one.full(), tolerance);
    }

    @ParameterizedTest
    @CsvSource({"F64, 1e-12", "F32, 1e-5"})
    void weightsOfEveryRowSumToOne(DType dtype, double tolerance) {
        ClusterCase one = ClusterCase.of(37, 5, dtype, 4);
        Tensor ones = Tensor.full(dtype, one.v().shape(), 1);
        Tensor y = improved(5, 7).attend(one.q(), one.k(), ones, one.ids(5), null).y();
        ClusterCase.equalTensors(y, ones, tolerance);
    }

    @Test
    void namesOfClustersDoNotMatter() {
        ClusterCase one = ClusterCase.of(26, 5, DType.F64, 5);
        Tensor ids = one.ids(4);
        int[] renamed = Arrays.stream(ids.toInts()).map(id -> (3 * id + 2) % 7).toArray();
        Tensor others = Tensor.of(renamed, ids.shape().toArray());
        one.equal(attend(plain(7), one, others), attend(plain(4), one, ids), 1e-12);
        one.equal(attend(improved(7, 6), one, others), attend(improved(4, 6), one, ids), 1e-12);
    }

    // Sizes around those of the kernels' tiles, clusters without queries, sequences that end early or have nothing.
    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 2",
        "13, 5, 3, 4, 3",
        "97, 7, 5, 11, 5",
        "101, 19, 17, 23, 7",
        "131, 3, 2, 67, 11",
        "67, 11, 97, 3, 13",
    })
    void equalsItsDefinition(int length, int width, int clusters, int topk, long number) {
        int[] lengths = {length, Math.max(0, length - 9)};
        Tensor valid = Tensor.of(lengths, 2);
        for (DType dtype : new DType[] {DType.F64, DType.F32}) {
            double tolerance = dtype == DType.F64 ? 1e-12 : 2e-5;
            ClusterCase one = ClusterCase.of(length, width, dtype, number);
            Tensor ids = one.ids(clusters);
            for (int top : new int[] {0, topk}) {
                ClusteredAttention attention = new ClusteredAttention(clusters, top, false);
                ClusteredAttention.Result result = attention.attend(one.q(), one.k(), one.v(), ids, valid);
                Definition expected = new Definition(one, ids, clusters, top, lengths);
                ClusterCase.equalTensors(result.y().cast(DType.F64), expected.y(), tolerance);
                assertThat(result.counts().toInts()).isEqualTo(expected.counts);
                if (top > 0) {
                    assertThat(result.topk().toInts()).isEqualTo(expected.topk);
                }
            }
        }
    }

    /// Query by query, as the equations say.
    private static final class Definition {
        final int[] counts;
        final int[] topk;
        private final double[] y;
        private final ClusterCase one;
        private final int length;
        private final int width;

        Definition(ClusterCase one, Tensor ids, int clusters, int top, int[] lengths) {
            this.one = one;
            length = one.length();
            width = one.width();
            int rows = ClusterCase.B * ClusterCase.H;
            counts = new int[rows * clusters];
            topk = new int[rows * clusters * top];
            Arrays.fill(topk, -1);
            y = new double[rows * length * width];
            for (int row = 0; row < rows; row++) {
                for (int c = 0; c < clusters; c++) {
                    cluster(row, c, ids, clusters, top, lengths[row / ClusterCase.H]);
                }
            }
        }

        private void cluster(int row, int c, Tensor ids, int clusters, int top, int valid) {
            int r = row;
            int[] members = IntStream.range(0, valid).filter(l -> ids.at((long) r * length + l) == c).toArray();
            counts[row * clusters + c] = members.length;
            if (members.length == 0) {
                return;
            }
            double[] mean = new double[width];
            for (int l : members) {
                for (int d = 0; d < width; d++) {
                    mean[d] += one.q().at(((long) row * length + l) * width + d) / members.length;
                }
            }
            double[] scores = new double[valid];
            Arrays.setAll(scores, j -> dot(mean, r, j));
            List<Integer> chosen =
                    IntStream.range(0, valid)
                            .boxed()
                            .sorted(Comparator.comparingDouble(j -> -scores[j]))
                            .limit(top)
                            .sorted()
                            .toList();
            for (int i = 0; i < chosen.size(); i++) {
                topk[(row * clusters + c) * top + i] = chosen.get(i);
            }
            double[] weights = softmax(scores, IntStream.range(0, valid).boxed().toList());
            double mass = chosen.stream().mapToDouble(j -> weights[j]).sum();
            for (int l : members) {
                double[] own = new double[width];
                Arrays.setAll(own, d -> one.q().at(((long) r * length + l) * width + d));
                double[] ownScores = new double[valid];
                Arrays.setAll(ownScores, j -> dot(own, r, j));
                double[] above = softmax(ownScores, chosen);
                for (int j = 0; j < valid; j++) {
                    double weight = chosen.contains(j) ? mass * above[j] : weights[j];
                    for (int d = 0; d < width; d++) {
                        y[(row * length + l) * width + d] += weight * one.v().at(((long) row * length + j) * width + d);
                    }
                }
            }
        }

        private double dot(double[] query, int row, int key) {
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += query[d] * one.k().at(((long) row * length + key) * width + d);
            }
            return sum / Math.sqrt(width);
        }

        private static double[] softmax(double[] scores, List<Integer> keys) {
            double[] weights = new double[scores.length];
            double total = keys.stream().mapToDouble(j -> Math.exp(scores[j])).sum();
            keys.forEach(j -> weights[j] = Math.exp(scores[j]) / total);
            return weights;
        }

        Tensor y() {
            return Tensor.of(y, one.q().shape().toArray());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4})
    void paddingIsZeroAndChangesNothing(int topk) {
        ClusterCase one = ClusterCase.of(14, 5, DType.F64, 6);
        Tensor ids = one.ids(3);
        Tensor lengths = Tensor.of(new int[] {14, 9}, 2);
        ClusteredAttention attention = new ClusteredAttention(3, topk, true);
        Tensor y = attention.attend(one.q(), one.k(), one.v(), ids, lengths).y();
        Tensor second = Layout.slice(y, 0, 1, 2);
        Tensor padded = Layout.slice(second, 2, 9, 14);
        ClusterCase.equalTensors(padded, Tensor.zeros(DType.F64, padded.shape()), 0);
        one.gradients(y)
                .forEach(
                        gradient -> {
                            Tensor there = Layout.slice(Layout.slice(gradient, 0, 1, 2), 2, 9, 14);
                            ClusterCase.equalTensors(there, Tensor.zeros(DType.F64, there.shape()), 0);
                        });
        Tensor alone =
                attention.attend(shortened(one.q()), shortened(one.k()), shortened(one.v()), shortened(ids), null).y();
        ClusterCase.equalTensors(Layout.slice(second, 2, 0, 9), alone, 1e-14);
    }

    private static Tensor shortened(Tensor x) {
        return Layout.slice(Layout.slice(x, 0, 1, 2), 2, 0, 9);
    }

    @Test
    void massIsAConstantToGradientsUnlessAskedFor() {
        ClusterCase one = ClusterCase.of(17, 5, DType.F64, 7);
        Tensor ids = one.ids(3);
        Tensor stop = attend(new ClusteredAttention(3, 4, false), one, ids);
        Tensor full = attend(new ClusteredAttention(3, 4, true), one, ids);
        ClusterCase.equalTensors(stop, full, 0);
        // The values' weights are the same; those of keys are not.
        ClusterCase.equalTensors(one.gradients(stop).get(2), one.gradients(full).get(2), 0);
        assertThat(ClusterCase.difference(one.gradients(stop).get(1), one.gradients(full).get(1))).isGreaterThan(1e-3);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 16})
    void memoryGrowsWithTheLengthAndNotItsSquare(int topk) {
        long once = peak(512, topk);
        assertThat(peak(1024, topk)).isLessThan(2 * once + once / 5);
        assertThat(peak(1024, topk)).isLessThan(1024L * 1024 * Float.BYTES * ClusterCase.B * ClusterCase.H);
    }

    private static long peak(int length, int topk) {
        ClusterCase one = ClusterCase.of(length, 16, DType.F32, 8);
        Tensor ids = one.ids(8);
        try (Scope scope = Scope.open()) {
            Autograd.inference(() -> attend(new ClusteredAttention(8, topk, false), one, ids));
            return scope.peakBytes();
        }
    }

    @Test
    void noQueriesGiveNothing() {
        ClusterCase one = ClusterCase.of(0, 5, DType.F64, 9);
        assertThat(attend(improved(3, 4), one, one.ids(3)).shape()).isEqualTo(one.v().shape());
    }

    @Test
    void clustersThatAreFoundServeAttention() {
        ClusterCase one = ClusterCase.of(40, 6, DType.F64, 10);
        HammingClustering clustering = new HammingClustering(5, 20, 4, true, Seed.of(1));
        Tensor ids = clustering.cluster(one.q(), null).ids();
        ClusteredAttention.Result result = improved(5, 40).attend(one.q(), one.k(), one.v(), ids, null);
        assertThat(Arrays.stream(result.counts().toInts()).sum()).isEqualTo(2 * 3 * 40);
        one.equal(result.y(), one.full(), 1e-12);
    }
}
