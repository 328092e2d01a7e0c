package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.LeadingTokens;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.RandomPatterns;
import dev.heddle.attention.pattern.Segments;
import dev.heddle.attention.pattern.SummaryColumns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// One query against many keys, as in decoding: its results, and what it reads for them.
class SingleQueryTest {
    private static final int CASES = 50;
    private static final int LONGEST = 1500;
    private static final int BATCH = 2;
    private static final int HEADS = 12;
    private static final List<Integer> GROUPS = List.of(1, 2, 3, 6, 12);
    private static final RandomPatterns PATTERNS = new RandomPatterns(SingleQueryTest::simple, false);

    private static AttentionPattern simple(RandomGenerator random) {
        return switch (random.nextInt(7)) {
            case 0 -> Patterns.causal();
            case 1 -> Patterns.local(random.nextInt(300));
            case 2 -> new Window(random.nextInt(-1, 20), random.nextInt(-1, 20), random.nextInt(1, 300));
            case 3 -> Patterns.fixed(random.nextInt(16, 300), random.nextInt(1, 4), random.nextInt(1, 5));
            case 4 -> Patterns.strided(random.nextInt(1, 300));
            case 5 -> new LeadingTokens(random.nextInt(100));
            default -> (head, query, key) -> (query * 7 + key * 5 + head * 3) % 11 < 2;
        };
    }

    /// A call with one query, its pattern, and its mask, empty for none.
    private record Drawn(AttentionCase call, AttentionPattern pattern, boolean[] mask) {
        static Drawn of(int seed) {
            RandomGenerator random = Seed.of(seed).split("single query").generator();
            AttentionPattern pattern = PATTERNS.draw(random, 2);
            int keys = random.nextInt(1, random.nextBoolean() ? 100 : LONGEST);
            int groups = GROUPS.get(random.nextInt(GROUPS.size()));
            var call = new AttentionCase(seed, BATCH, HEADS, groups, 1, keys, random.nextInt(1, 40), width(random));
            switch (random.nextInt(5)) {
                case 0 -> call.toeplitz();
                case 1 -> call.dense(HEADS, 1, keys);
                case 2 -> call.mask(0.7, BATCH, 1, 1, keys);
                case 3 -> call.mask(0.3, BATCH, HEADS, 1, keys).softcap(1.5);
                default -> {}
            }
            Tensor mask = call.mask;
            return new Drawn(call, pattern, mask == null ? new boolean[0] : mask.toBooleans());
        }

        private static int width(RandomGenerator random) {
            return random.nextInt(1, 80);
        }

        Result attend(DType dtype, Tensor k, Tensor v) {
            Tensor bias = call.bias == null ? null : call.bias.cast(dtype);
            return ScaledDotProduct.attend(
                    call.q.cast(dtype), k.cast(dtype), v.cast(dtype), call.options(pattern, bias));
        }

        Result attend(DType dtype) {
            return attend(dtype, call.k, call.v);
        }

        boolean sees(int b, int group, int key) {
            int size = HEADS / call.kvHeads;
            return IntStream.range(group * size, (group + 1) * size)
                    .anyMatch(h -> pattern.allows(h, call.keys - 1, key) && isUnmasked(b, h, key));
        }

        private boolean isUnmasked(int b, int head, int key) {
            int rows = mask.length / call.keys;
            int row = rows == BATCH ? b : b * HEADS + head;
            return rows == 0 || mask[row * call.keys + key];
        }

        long seen() {
            return IntStream.range(0, BATCH * call.kvHeads * call.keys).filter(this::isSeen).count();
        }

        // Of the rows [B, M, G].
        private boolean isSeen(int row) {
            int groups = call.kvHeads;
            return sees(row / groups / call.keys, row % groups, row / groups % call.keys);
        }

        Tensor withoutUnseen(Tensor rows) {
            double[] values = rows.toDoubles();
            int width = rows.dim(3);
            boolean[] seen = new boolean[values.length / width];
            for (int row = 0; row < seen.length; row++) {
                seen[row] = isSeen(row);
            }
            for (int i = 0; i < values.length; i++) {
                values[i] = seen[i / width] ? values[i] : Double.NaN;
            }
            return Tensor.of(values, rows.shape().toArray());
        }
    }

    static IntStream seeds() {
        return IntStream.range(0, CASES);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void equalsTheReference(int seed) {
        Drawn one = Drawn.of(seed);
        Result tiled = one.attend(DType.F32);
        Result reference = one.attend(DType.F64);
        assertThat(AttentionCase.difference(tiled.y(), reference.y(), 2e-5, 1e-4)).isEmpty();
        assertThat(AttentionCase.difference(tiled.lse(), reference.lse(), 2e-5, 1e-4)).isEmpty();
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void readsAndCountsOnlyWhatAnyHeadOfAGroupMaySee(int seed) {
        Drawn one = Drawn.of(seed);
        Result all = one.attend(DType.F32);
        Result seen = one.attend(DType.F32, one.withoutUnseen(one.call.k), one.withoutUnseen(one.call.v));
        assertThat(seen.y().toDoubles()).containsExactly(all.y().toDoubles());
        assertThat(seen.lse().toDoubles()).containsExactly(all.lse().toDoubles());
        assertThat(WorkMeter.measure(() -> one.attend(DType.F32)))
                .isEqualTo(one.seen() * (HEADS / one.call.kvHeads) * (one.call.width + one.call.valueWidth));
    }

    @ParameterizedTest
    @CsvSource({"17, 1000", "3, 1000", "100, 1000", "64, 64", "5, 1"})
    void stepOfSparseSelfAttentionReadsAWindowAndEveryKthRow(int k, int keys) {
        AttentionPattern pattern = Patterns.local(k).or(Patterns.atrous(k)).and(Patterns.causal());
        AttentionCase one = new AttentionCase(1, 1, 2, 2, 1, keys, 8, 8);
        long work =
                WorkMeter.measure(
                        () ->
                                ScaledDotProduct.attendCached(
                                        one.q.cast(DType.F32),
                                        one.k.cast(DType.F32),
                                        one.v.cast(DType.F32),
                                        keys,
                                        AttentionOptions.of(pattern)));
        int last = keys - 1;
        assertThat(work / (2 * 16)).isLessThanOrEqualTo(1L + k + last / k).isEqualTo(pattern.pairs(0, 1, keys));
    }

    @Test
    void queryWithoutAKeyGetsNothing() {
        AttentionCase one = new AttentionCase(3, 1, 2, 1, 1, 130, 9, 17);
        AttentionPattern others = Patterns.perHead(new SummaryColumns(200, 1, 1), new Segments(131).not());
        Result result =
                ScaledDotProduct.attendCached(
                        one.q.cast(DType.F32),
                        one.k.cast(DType.F32),
                        one.v.cast(DType.F32),
                        130,
                        AttentionOptions.of(others));
        assertThat(result.y().shape()).isEqualTo(Shape.of(1, 1, 2, 17));
        assertThat(result.y().toDoubles()).containsOnly(0);
        assertThat(result.lse().toDoubles()).containsOnly(Double.NEGATIVE_INFINITY);
    }
}
