package dev.heddle.attention.hashing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.DenseOracle;
import dev.heddle.attention.kernel.AttentionOptions.Layout;
import dev.heddle.attention.kernel.ChunkedAttention;
import dev.heddle.attention.kernel.SortedChunks;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.ops.Softmax;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// Laws of LSH attention.
class LshLawTest {
    /// One random core call.
    private record Case(
            Tensor qk, Tensor v, Tensor buckets, int size, SortedChunks.Rules rules, @Nullable Tensor mask) {
        static Case of(long seed) {
            Seed own = Seed.of(seed);
            RandomGenerator random = own.generator();
            int size = new int[] {1, 2, 3, 5, 7, 11, 16, 67}[random.nextInt(8)];
            int pairs = Math.min(new int[] {1, 2, 5, 13}[random.nextInt(4)], Math.max(1, 80 / size));
            int width = new int[] {2, 5, 13, 17}[random.nextInt(4)];
            int batch = random.nextInt(1, 3);
            int heads = random.nextInt(1, 4);
            int rounds = random.nextInt(1, 5);
            SortedChunks.Rules rules =
                    new SortedChunks.Rules(random.nextBoolean(), random.nextBoolean(), random.nextBoolean());
            int tokens = 2 * pairs * size;
            Shape shape = Shape.of(batch, heads, tokens, width);
            return new Case(
                    SubjectInputs.normal(shape, DType.F64, own.split("qk")),
                    SubjectInputs.normal(shape, DType.F64, own.split("v")),
                    buckets(Shape.of(batch, heads, rounds, tokens), 2 * pairs, own),
                    size,
                    rules,
                    random.nextBoolean() ? SubjectInputs.padding(batch, tokens) : null);
        }

        private static Tensor buckets(Shape shape, int count, Seed seed) {
            int[] ids = seed.generator().ints(shape.elements(), 0, count).toArray();
            for (int n = 0; n < ids.length; n++) {
                ids[n] += n / shape.dim(3) % shape.dim(2) * count;
            }
            return Tensor.of(ids, shape.toArray());
        }

        SortedChunks chunks() {
            return SortedChunks.of(buckets, size, rules, mask);
        }

        /// Output, and gradients of `qk` and `v`.
        List<Tensor> trace(DType dtype) {
            Tensor q = Autograd.variable(qk.cast(dtype));
            Tensor value = Autograd.variable(v.cast(dtype));
            return trace(q, value, ChunkedAttention.attend(q, value, chunks(), Layout.HEAD_MAJOR));
        }

        /// The same, made of primitive operations over all pairs.
        List<Tensor> writtenOut() {
            Tensor q = Autograd.variable(qk);
            Tensor value = Autograd.variable(v);
            Tensor norm = Arithmetic.sqrt(Reduction.sum(Arithmetic.square(q), 3));
            Tensor k =
                    Arithmetic.divide(
                            q,
                            dev.heddle.core.ops.Layout.reshape(
                                    norm, norm.shape().toArray()[0], norm.dim(1), norm.dim(2), 1));
            Tensor scores = Arithmetic.scale(MatMul.productTransposed(q, k), 1 / Math.sqrt(q.dim(3)));
            Tensor p = Softmax.softmax(Arithmetic.add(scores, logMultiplicity()));
            return trace(q, value, MatMul.product(p, value));
        }

        private List<Tensor> trace(Tensor q, Tensor value, Tensor y) {
            Tensor cotangent = SubjectInputs.normal(y.shape(), y.dtype(), Seed.of(3));
            Gradients gradients = Autograd.gradients(y, cotangent);
            return List.of(y, gradients.of(q), gradients.of(value));
        }

        // From the definition: chunks by sorting, and for each slot the pairs of two chunks.
        private Tensor logMultiplicity() {
            int heads = qk.dim(0) * qk.dim(1);
            int tokens = qk.dim(2);
            int rounds = buckets.dim(2);
            int total = rounds * tokens / size;
            double[] bias = new double[heads * tokens * tokens];
            for (int head = 0; head < heads; head++) {
                int[] ids = Arrays.copyOfRange(buckets.toInts(), head * rounds * tokens, (head + 1) * rounds * tokens);
                Integer[] order = new Integer[rounds * tokens];
                Arrays.setAll(order, n -> n);
                Arrays.sort(order, (a, b) -> ids[a] != ids[b] ? ids[a] - ids[b] : a % tokens - b % tokens);
                int[] place = new int[order.length];
                for (int n = 0; n < order.length; n++) {
                    place[order[n]] = n / size;
                }
                double[][] slots = new double[tokens][tokens];
                double[][] counts = new double[tokens][tokens];
                for (int a = 0; a < order.length; a++) {
                    for (int b = 0; b < order.length; b++) {
                        int i = a % tokens;
                        int j = b % tokens;
                        boolean meet = place[a] == place[b] || place[a] == (place[b] + 1) % total;
                        boolean bucket = rules.acrossBuckets() || ids[a] == ids[b];
                        if (meet && bucket && a / tokens == b / tokens) {
                            counts[i][j]++;
                        }
                        if (meet && bucket && sees(head / qk.dim(1), i, j)) {
                            slots[i][j]++;
                        }
                    }
                }
                for (int i = 0; i < tokens; i++) {
                    boolean alone = Arrays.stream(slots[i]).sum() == 0;
                    for (int j = 0; j < tokens; j++) {
                        double slot = alone && i == j ? 1 : slots[i][j];
                        double correction = rules.allowDuplicates() || alone ? 0 : Math.log(counts[i][j] + 1e-9);
                        bias[(head * tokens + i) * tokens + j] = Math.log(slot) - correction;
                    }
                }
            }
            return Tensor.of(bias, qk.dim(0), qk.dim(1), tokens, tokens);
        }

        private boolean sees(int b, int i, int j) {
            boolean real = mask == null || (isReal(mask, b, i) && isReal(mask, b, j));
            return real && i != j && (!rules.causal() || j < i);
        }

        private static boolean isReal(Tensor mask, int b, int token) {
            return mask.at((long) b * mask.dim(1) + token) != 0;
        }
    }

    private static Stream<DynamicTest> cases(Consumer<Case> law) {
        return LongStream.range(0, 24)
                .mapToObj(seed -> DynamicTest.dynamicTest("seed " + seed, () -> law.accept(Case.of(seed))));
    }

    private static void assertClose(List<Tensor> found, List<Tensor> expected, double tolerance) {
        for (int n = 0; n < expected.size(); n++) {
            double scale = Arrays.stream(expected.get(n).toDoubles()).map(Math::abs).max().orElse(0);
            assertThat(difference(found.get(n), expected.get(n)) / (1 + scale))
                    .as("tensor %d: max|a−b|/(1+max|b|)", n)
                    .isLessThanOrEqualTo(tolerance);
        }
    }

    private static double difference(Tensor a, Tensor b) {
        assertThat(a.shape()).isEqualTo(b.shape());
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }

    @TestFactory
    Stream<DynamicTest> theReferenceIsTheDefinitionMadeOfPrimitives() {
        return cases(one -> assertClose(one.trace(DType.F64), one.writtenOut(), 1e-11));
    }

    @TestFactory
    Stream<DynamicTest> theTiledKernelEqualsTheReference() {
        return cases(one -> assertClose(one.trace(DType.F32), one.trace(DType.F64), 2e-5));
    }

    @TestFactory
    Stream<DynamicTest> theSharesOfAQueryAddUpToOneAndMixItsOutput() {
        return cases(
                one -> {
                    Tensor p = ChunkedAttention.probabilities(one.qk, one.chunks(), Layout.HEAD_MAJOR);
                    Tensor y = one.trace(DType.F64).getFirst();
                    assertThat(difference(MatMul.product(p, one.v), y)).isLessThanOrEqualTo(1e-12);
                    Tensor sums = Reduction.sum(p, 3);
                    assertThat(difference(sums, Tensor.full(DType.F64, sums.shape(), 1))).isLessThanOrEqualTo(1e-12);
                });
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F64", "F32"})
    void aSingleChunkEqualsSharedQueryKeyFullAttention(DType dtype) {
        double tolerance = dtype == DType.F64 ? 1e-12 : 1e-5;
        for (boolean causal : new boolean[] {true, false}) {
            SortedChunks.Rules rules = new SortedChunks.Rules(causal, true, true);
            Shape shape = Shape.of(2, 3, 26, 5);
            Tensor qk = SubjectInputs.normal(shape, dtype, Seed.of(1));
            Tensor v = SubjectInputs.normal(shape, dtype, Seed.of(2));
            Tensor any = Case.buckets(Shape.of(2, 3, 1, 26), 2, Seed.of(3));
            Tensor y = ChunkedAttention.attend(qk, v, SortedChunks.of(any, 13, rules, null), Layout.HEAD_MAJOR);
            assertThat(difference(y, full(qk, v, causal))).isLessThanOrEqualTo(tolerance);
        }
    }

    // Shared-QK attention over all keys but the query itself, which only sees itself if there is no other.
    private static Tensor full(Tensor qk, Tensor v, boolean causal) {
        int tokens = qk.dim(2);
        int width = qk.dim(3);
        double[] out = new double[Math.toIntExact(qk.elements())];
        for (int row = 0; row < out.length / width; row++) {
            int i = row % tokens;
            int first = row - i;
            double sum = 0;
            for (int j = 0; j < (causal ? i : tokens); j++) {
                double weight = i == j ? 0 : Math.exp(score(qk, row, first + j));
                sum += weight;
                for (int d = 0; d < width; d++) {
                    out[row * width + d] += weight * v.at((long) (first + j) * width + d);
                }
            }
            for (int d = 0; d < width; d++) {
                out[row * width + d] = sum == 0 ? v.at((long) row * width + d) : out[row * width + d] / sum;
            }
        }
        return Tensor.of(out, qk.shape().toArray()).cast(qk.dtype());
    }

    // Attended in full, and hashed into two chunks once.
    @Test
    void aPositionRotatesTheSharedVectors() {
        Rope.Spec rope = Rope.base(100).halfSplit();
        LshAttentionSpec hashed = LshAttentionSpec.of(2).bucketSize(7).rounds(1).position(rope);
        Tensor x = SubjectInputs.normal(Shape.of(3, 14, 8), DType.F64, Seed.of(1));
        for (LshAttentionSpec spec : List.of(hashed, hashed.fullBelow(15))) {
            LshAttention layer = DenseOracle.randomised(spec.create(8, Seed.of(4)));
            Tensor qk = headMajor(DenseOracle.heads(layer, "toqk", x, 2, rope));
            Tensor v = headMajor(DenseOracle.heads(layer, "tov", x, 2));
            Tensor heads = headMajor(full(qk, v, true)).viewAs(x.shape());
            assertThat(difference(layer.forward(x), DenseOracle.project(layer, "to_out", heads)))
                    .isLessThanOrEqualTo(1e-12);
            assertThat(spec.knowsPositions()).isTrue();
        }
    }

    private static Tensor headMajor(Tensor x) {
        return dev.heddle.core.ops.Layout.permute(x, 0, 2, 1, 3);
    }

    private static double score(Tensor qk, int query, int key) {
        int width = qk.dim(3);
        double dot = 0;
        double norm = 0;
        for (int d = 0; d < width; d++) {
            double k = qk.at((long) key * width + d);
            dot += qk.at((long) query * width + d) * k;
            norm += k * k;
        }
        return dot / Math.sqrt(norm) / Math.sqrt(width);
    }

    @Test
    void attendingInFullIsTheSameAsHashingIntoTwoChunksOnce() {
        LshAttentionSpec hashed = LshAttentionSpec.of(2).bucketSize(11).rounds(1);
        Tensor x = SubjectInputs.normal(Shape.of(2, 21, 6), DType.F64, Seed.of(1));
        LshAttention plain = hashed.create(6, Seed.of(4));
        LshAttention full = hashed.bucketSize(2).rounds(3).fullBelow(22).create(6, Seed.of(4));
        plain.convert(DType.F64);
        full.convert(DType.F64);
        assertThat(full.spec().isFull(21)).isTrue();
        assertThat(full.spec().isFull(22)).isFalse();
        assertThat(difference(full.forward(x), plain.forward(x))).isLessThanOrEqualTo(1e-12);
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F64", "F32"})
    void noTokenReachesAnEarlierOneWhenBucketsAreFixed(DType dtype) {
        Tensor qk = SubjectInputs.normal(Shape.of(1, 2, 40, 7), dtype, Seed.of(1));
        Tensor v = SubjectInputs.normal(Shape.of(1, 2, 40, 7), dtype, Seed.of(2));
        Tensor buckets = Case.buckets(Shape.of(1, 2, 2, 40), 8, Seed.of(3));
        SortedChunks chunks = SortedChunks.of(buckets, 5, new SortedChunks.Rules(true, true, true), null);
        double[] before = ChunkedAttention.attend(qk, v, chunks, Layout.HEAD_MAJOR).toDoubles();
        int changed = 23;
        Tensor other = qk.copy();
        Tensor values = v.copy();
        for (int head = 0; head < 2; head++) {
            // Not even what is no number.
            other.viewAt((head * 40L + changed) * 7, Shape.of(7)).fill(Double.NaN);
            values.viewAt((head * 40L + changed) * 7, Shape.of(7)).fill(Double.NaN);
        }
        double[] after = ChunkedAttention.attend(other, values, chunks, Layout.HEAD_MAJOR).toDoubles();
        for (int head = 0; head < 2; head++) {
            int from = head * 40 * 7;
            assertThat(Arrays.copyOfRange(after, from, from + changed * 7))
                    .containsExactly(Arrays.copyOfRange(before, from, from + changed * 7));
        }
        assertThat(after[changed * 7]).isNaN();
    }

    @Test
    void tokenMajorAndHeadMajorAreTheSame() {
        Case one = Case.of(99);
        Tensor y = ChunkedAttention.attend(one.qk, one.v, one.chunks(), Layout.HEAD_MAJOR);
        Tensor other =
                ChunkedAttention.attend(
                        dev.heddle.core.ops.Layout.permute(one.qk, 0, 2, 1, 3),
                        dev.heddle.core.ops.Layout.permute(one.v, 0, 2, 1, 3),
                        one.chunks(),
                        Layout.TOKEN_MAJOR);
        assertThat(difference(dev.heddle.core.ops.Layout.permute(other, 0, 2, 1, 3), y)).isZero();
    }

    @Test
    void zeroVectorsFallIntoTheFirstBucketAndOppositeOnesIntoOppositeBuckets() {
        Tensor rotations = Hashing.rotations(1, 5, 2, 6, DType.F32, Seed.of(1));
        Tensor x = SubjectInputs.normal(Shape.of(1, 1, 30, 5), DType.F32, Seed.of(2));
        int[] there = Hashing.buckets(x, rotations, Layout.HEAD_MAJOR).toInts();
        int[] back = Hashing.buckets(Arithmetic.scale(x, -1), rotations, Layout.HEAD_MAJOR).toInts();
        for (int n = 0; n < there.length; n++) {
            int first = n / 30 * 6;
            assertThat((there[n] - first + 3) % 6).isEqualTo(back[n] - first);
        }
        int[] zero = Hashing.buckets(Tensor.zeros(DType.F32, 1, 1, 2, 5), rotations, Layout.HEAD_MAJOR).toInts();
        assertThat(zero).containsExactly(0, 0, 6, 6);
    }

    @Test
    void sameSeedSameBucketsAndEveryHeadItsOwnIfWanted() {
        LshAttentionSpec spec = LshAttentionSpec.of(3).bucketSize(4).rounds(2);
        Tensor one = SubjectInputs.normal(Shape.of(1, 1, 64, 5), DType.F32, Seed.of(1));
        Tensor same = dev.heddle.core.ops.Layout.concatenate(1, one, one, one);
        int[] shared = spec.sort(same, 64, null, null, Layout.HEAD_MAJOR, Seed.of(9)).buckets().toInts();
        assertThat(spec.sort(same, 64, null, null, Layout.HEAD_MAJOR, Seed.of(9)).buckets().toInts())
                .containsExactly(shared);
        assertThat(Arrays.copyOfRange(shared, 128, 256)).containsExactly(Arrays.copyOf(shared, 128));
        int[] own =
                spec.rotationsPerHead(true)
                        .sort(same, 64, null, null, Layout.HEAD_MAJOR, Seed.of(9))
                        .buckets()
                        .toInts();
        assertThat(Arrays.copyOfRange(own, 128, 256)).isNotEqualTo(Arrays.copyOf(own, 128));
    }

    @Test
    void trainingMemoryOfAReversibleStackGrowsByParametersAndBucketsOnly() {
        long step = trainingBytes(9, true) - trainingBytes(3, true);
        long parameters = 6 * parameterBytes();
        assertThat(step).isBetween(0L, 2 * parameters);
        assertThat(trainingBytes(9, false) - trainingBytes(3, false)).isGreaterThan(10 * step);
    }

    private static ReversibleLsh stack(int depth, boolean recomputing) {
        return new ReversibleLsh(
                new ReversibleLsh.Spec(
                        LshAttentionSpec.of(2).bucketSize(16).rounds(2),
                        depth,
                        2,
                        dev.heddle.core.kernel.Activation.GELU,
                        1e-5,
                        recomputing),
                8,
                Seed.of(1));
    }

    private static long parameterBytes() {
        return 4 * stack(1, true).parameterCount();
    }

    private static long trainingBytes(int depth, boolean recomputing) {
        ReversibleLsh stack = stack(depth, recomputing);
        Tensor x = Autograd.variable(SubjectInputs.normal(Shape.of(1, 1024, 8), DType.F32, Seed.of(2)));
        try (Scope scope = Scope.open()) {
            Autograd.gradients(Reduction.sum(stack.forward(x)));
            return scope.peakBytes();
        }
    }
}
