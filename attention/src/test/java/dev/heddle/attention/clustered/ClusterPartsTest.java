package dev.heddle.attention.clustered;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

class ClusterPartsTest {
    // Against products with matrices of zeros, ones and shares, forward and backward.
    @ParameterizedTest
    @CsvSource({"F64, 1e-12", "F32, 1e-5"})
    void meansAndTheirSpreadingEqualMatrixProducts(DType dtype, double tolerance) {
        int length = 41;
        int c = 5;
        int[] lengths = {41, 30};
        ClusterCase one = ClusterCase.of(length, 17, dtype, 1);
        Clusters clusters = new Clusters(one.ids(c), c, lengths);
        int rows = clusters.rows();
        double[] share = new double[rows * c * rows * length];
        double[] member = new double[share.length];
        int[] of = clusters.membership().toInts();
        int[] counts = clusters.counts().toInts();
        for (int i = 0; i < of.length; i++) {
            if (of[i] < rows * c) {
                share[of[i] * rows * length + i] = 1.0 / counts[of[i]];
                member[i * rows * c + of[i]] = 1;
            }
        }
        Tensor shares = Tensor.of(share, rows * c, rows * length).cast(dtype);
        Tensor members = Tensor.of(member, rows * length, rows * c).cast(dtype);
        Tensor x = Layout.reshape(one.q(), rows * length, 17);
        equal(one, ClusterRows.mean(x, clusters), MatMul.product(shares, x), tolerance);
        Tensor few = Layout.slice(x, 0, 0, rows * c);
        equal(one, ClusterRows.of(few, clusters), MatMul.product(members, few), tolerance);
    }

    private static void equal(ClusterCase one, Tensor a, Tensor b, double tolerance) {
        ClusterCase.equalTensors(a, b, tolerance);
        Tensor cotangent = ClusterCase.normal(a.shape(), Seed.of(3)).cast(a.dtype());
        Gradients left = Autograd.gradients(a, cotangent);
        Gradients right = Autograd.gradients(b, cotangent);
        ClusterCase.equalTensors(left.of(one.q()), right.of(one.q()), 10 * tolerance);
    }

    @Test
    void sortedQueriesLieByClusterWithPaddingLast() {
        int length = 23;
        int[] lengths = {23, 11};
        ClusterCase one = ClusterCase.of(length, 3, DType.F64, 2);
        Clusters clusters = new Clusters(one.ids(4), 4, lengths);
        int[] order = clusters.order().toInts();
        int[] inverse = clusters.inverse().toInts();
        int[] of = clusters.membership().toInts();
        for (int row = 0; row < 6; row++) {
            int last = -1;
            for (int p = row * length; p < (row + 1) * length; p++) {
                assertThat(order[p] / length).isEqualTo(row);
                assertThat(inverse[order[p]]).isEqualTo(p);
                assertThat(of[order[p]]).isGreaterThanOrEqualTo(last);
                assertThat(of[order[p]] == 24).isEqualTo(p % length >= lengths[row / 3]);
                last = of[order[p]];
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"F64", "F32"})
    void theLargestAreThoseOfAFullSort(DType dtype) {
        RandomGenerator random = Seed.of(4).generator();
        for (int run = 0; run < 200; run++) {
            int count = random.nextInt(60);
            int most = 1 + random.nextInt(40);
            int before = random.nextInt(5);
            double[] numbers = new double[before + count + 3];
            // Few different numbers, so that there are many ties.
            Arrays.setAll(numbers, i -> random.nextInt(12) - 6);
            int[] expected =
                    IntStream.range(0, count)
                            .boxed()
                            .sorted((a, b) -> Double.compare(numbers[before + b], numbers[before + a]))
                            .limit(most)
                            .mapToInt(i -> i)
                            .sorted()
                            .toArray();
            Tensor row = Tensor.of(numbers, numbers.length).cast(dtype);
            assertThat(new LargestScores(most).select(row, before, count)).isEqualTo(expected);
        }
    }

    @Test
    void everyAnswerOfThePatternIsThatOfAllows() {
        int length = 37;
        ClusterCase one = ClusterCase.of(length, 3, DType.F64, 5);
        int[] lengths = {37, 8};
        Clusters clusters = new Clusters(one.ids(6), 6, lengths);
        Tensor scores = ClusterCase.normal(Shape.of(2, 3, 6, length), Seed.of(6));
        TopKeys top = new TopKeys(scores, clusters, 13, lengths);
        AttentionPattern pattern = top.pattern();
        int offset = top.count() - length;
        int allowedPairs = 0;
        for (int head = 0; head < 6; head++) {
            for (int q0 = 0; q0 < length; q0 += 5) {
                for (int k0 = 0; k0 < top.count(); k0 += 7) {
                    int q1 = Math.min(length, q0 + 5);
                    int allowed = 0;
                    for (int i = q0; i < q1; i++) {
                        long bits = pattern.bits(head, i + offset, k0);
                        KeyRanges keys = pattern.keys(head, q0 + offset, q1 + offset);
                        for (int t = 0; t < 64; t++) {
                            boolean allows = pattern.allows(head, i + offset, k0 + t);
                            assertThat((bits >>> t & 1) == 1).isEqualTo(allows);
                            allowed += allows && t < 7 ? 1 : 0;
                            if (allows) {
                                assertThat(keys.intersect(KeyRanges.of(k0 + t, k0 + t + 1L)).count()).isOne();
                            }
                        }
                    }
                    allowedPairs += allowed;
                    switch (pattern.tile(head, q0 + offset, q1 + offset, k0, k0 + 7)) {
                        case EMPTY -> assertThat(allowed).isZero();
                        case FULL -> assertThat(allowed).isEqualTo((q1 - q0) * 7);
                        case PARTIAL -> {}
                    }
                }
            }
        }
        // 13 keys for each query of the long sequences, all 8 for those of the short ones, none for padding.
        assertThat(allowedPairs).isEqualTo(3 * (37 * 13 + 8 * 8));
    }
}
