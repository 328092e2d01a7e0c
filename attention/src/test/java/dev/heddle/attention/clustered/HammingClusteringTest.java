package dev.heddle.attention.clustered;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

class HammingClusteringTest {
    private static final int L = 43;
    private static final int D = 7;

    // Plane by plane, and each step of Lloyd's algorithm by its definition.
    @ParameterizedTest
    @CsvSource({"1, 1, 1, true", "5, 9, 4, true", "5, 9, 4, false", "11, 63, 10, true", "43, 31, 2, false"})
    void equalsItsDefinition(int clusters, int bits, int iterations, boolean bias) {
        ClusterCase one = ClusterCase.of(L, D, DType.F64, bits);
        int[] lengths = {L, 31};
        Tensor planes = ClusterCase.normal(Shape.of(bits, D + 1), Seed.of(1));
        int[] init = new int[clusters];
        Arrays.setAll(init, c -> 5 * c % L);
        HammingClustering.Result found =
                new HammingClustering(clusters, bits, iterations, bias, Seed.of(0))
                        .cluster(one.q(), Tensor.of(lengths, 2), planes, Tensor.of(init, clusters));
        for (int row = 0; row < 6; row++) {
            boolean[][] hashes = new boolean[L][bits];
            for (int l = 0; l < L; l++) {
                for (int b = 0; b < bits; b++) {
                    double sum = 0;
                    for (int d = 0; d < D; d++) {
                        sum += one.q().at((row * (long) L + l) * D + d) * planes.at(b * (D + 1L) + d);
                    }
                    hashes[l][b] = sum > (bias ? planes.at(b * (D + 1L) + D) : 0);
                    assertThat((found.hashes()[row * L + l] >>> b & 1) == 1).isEqualTo(hashes[l][b]);
                }
            }
            boolean[][] centroids = Arrays.stream(init).mapToObj(l -> hashes[l]).toArray(boolean[][]::new);
            int valid = lengths[row / 3];
            int[] ids = assign(hashes, centroids, valid);
            for (int i = 1; i < iterations; i++) {
                centroids = moved(hashes, centroids, ids);
                ids = assign(hashes, centroids, valid);
            }
            int[] padded = Arrays.copyOf(ids, L);
            Arrays.fill(padded, valid, L, -1);
            int[] actual = Arrays.copyOfRange(found.ids().toInts(), row * L, (row + 1) * L);
            assertThat(actual).isEqualTo(padded);
            for (int c = 0; c < clusters; c++) {
                for (int b = 0; b < bits; b++) {
                    assertThat((found.centroids()[row * clusters + c] >>> b & 1) == 1).isEqualTo(centroids[c][b]);
                }
            }
        }
    }

    private static int[] assign(boolean[][] hashes, boolean[][] centroids, int valid) {
        int[] ids = new int[valid];
        for (int l = 0; l < valid; l++) {
            for (int c = 1; c < centroids.length; c++) {
                if (distance(hashes[l], centroids[c]) < distance(hashes[l], centroids[ids[l]])) {
                    ids[l] = c;
                }
            }
        }
        return ids;
    }

    private static long distance(boolean[] a, boolean[] b) {
        return IntStream.range(0, a.length).filter(i -> a[i] != b[i]).count();
    }

    private static boolean[][] moved(boolean[][] hashes, boolean[][] centroids, int[] ids) {
        boolean[][] moved = new boolean[centroids.length][];
        for (int c = 0; c < centroids.length; c++) {
            int cluster = c;
            int[] members = IntStream.range(0, ids.length).filter(l -> ids[l] == cluster).toArray();
            moved[c] = centroids[c].clone();
            for (int b = 0; members.length > 0 && b < moved[c].length; b++) {
                int bit = b;
                long ones = Arrays.stream(members).filter(l -> hashes[l][bit]).count();
                moved[c][b] = ones > members.length - ones;
            }
        }
        return moved;
    }

    @Test
    void sameSeedSameClustersOnAnyNumberOfThreads() {
        ClusterCase one = ClusterCase.of(L, D, DType.F64, 2);
        HammingClustering clustering = new HammingClustering(6, 40, 5, true, Seed.of(9));
        int usual = Parallel.threads();
        try {
            Parallel.setThreads(1);
            int[] single = clustering.cluster(one.q(), null).ids().toInts();
            Parallel.setThreads(4);
            assertThat(clustering.cluster(one.q(), null).ids().toInts()).isEqualTo(single);
            int[] other = new HammingClustering(6, 40, 5, true, Seed.of(10)).cluster(one.q(), null).ids().toInts();
            assertThat(other).isNotEqualTo(single);
        } finally {
            Parallel.setThreads(usual);
        }
    }

    @Test
    void bothPrecisionsHashAlike() {
        Tensor q = ClusterCase.of(L, D, DType.F32, 3).q();
        HammingClustering clustering = new HammingClustering(6, 63, 5, true, Seed.of(9));
        HammingClustering.Result narrow = clustering.cluster(q, null);
        assertThat(clustering.cluster(q.cast(DType.F64), null).hashes()).isEqualTo(narrow.hashes());
    }

    // With one assignment the centroids are the hashes they started from: as many different queries as clusters.
    @Test
    void initialCentroidsAreDrawnWithoutReplacementFromWhatIsNoPadding() {
        Tensor q = ClusterCase.of(L, D, DType.F64, 4).q();
        HammingClustering clustering = new HammingClustering(12, 63, 1, true, Seed.of(9));
        HammingClustering.Result found = clustering.cluster(q, Tensor.of(new int[] {L, 12}, 2));
        for (int row = 3; row < 6; row++) {
            long[] centroids = Arrays.copyOfRange(found.centroids(), row * 12, (row + 1) * 12);
            long[] hashes = Arrays.copyOfRange(found.hashes(), row * L, row * L + 12);
            assertThat(centroids).containsExactlyInAnyOrder(hashes);
        }
    }

    // Also where an I32 has too few bits for them.
    @ParameterizedTest
    @ValueSource(ints = {1, 31, 32, 53, 63})
    void theCatalogueGivesHashesOfAnyNumberOfBits(int bits) {
        Map<String, Tensor> inputs =
                Map.of(
                        "q",
                        ClusterCase.of(L, D, DType.F32, 5).q(),
                        "planes",
                        ClusterCase.normal(Shape.of(bits, D + 1), Seed.of(1)),
                        "init",
                        Tensor.of(new int[] {0, 7, 3}, 3));
        HammingClustering.Result expected =
                new HammingClustering(3, bits, 10, true, Seed.of(0))
                        .cluster(inputs.get("q"), null, inputs.get("planes"), inputs.get("init"));
        Config config = Config.of(Map.of("kind", "clustering", "clusters", 3, "bits", bits));
        Map<String, Tensor> found =
                new ClusteredCatalog().variants().getFirst().build(config, Seed.of(0)).run(inputs, Form.PARALLEL);
        assertThat(found.get("hashes").shape()).isEqualTo(Shape.of(2, 3, L));
        assertThat(found.get("hashes").toDoubles()).containsExactly(doubles(expected.hashes()));
        assertThat(found.get("centroids").shape()).isEqualTo(Shape.of(2, 3, 3));
        assertThat(found.get("centroids").toDoubles()).containsExactly(doubles(expected.centroids()));
    }

    private static double[] doubles(long[] hashes) {
        return Arrays.stream(hashes).asDoubleStream().toArray();
    }
}
