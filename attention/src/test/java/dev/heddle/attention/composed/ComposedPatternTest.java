package dev.heddle.attention.composed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.attention.Stepwise;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.attention.pattern.LeadingTokens;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.RandomPatterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// Composed attention under patterns drawn and joined at random, over random sizes: fused against written out, forward
/// and backward; decoding against the whole; and the work that is reported.
class ComposedPatternTest {
    private static final int LONGEST = 210;
    private static final int HEADS = 4;
    private static final int BLOCKS = 9;
    private static final RandomPatterns PATTERNS = new RandomPatterns(ComposedPatternTest::simple, true);

    static IntStream seeds() {
        return IntStream.range(0, 40);
    }

    private static RandomGenerator random(int seed) {
        return Seed.of(seed).split("patterns").generator();
    }

    private static AttentionPattern simple(RandomGenerator random) {
        return switch (random.nextInt(8)) {
            case 0 -> Patterns.causal();
            case 1 -> Patterns.local(random.nextInt(30), random.nextInt(1, 9));
            case 2 -> new Window(random.nextInt(-1, 20), random.nextInt(-1, 20), random.nextInt(1, 20));
            case 3 ->
                    // So many heads that the first ones share an offset.
                    new DilatedSegments(
                            40,
                            random.nextInt(1, 10),
                            10 * HEADS,
                            DilatedSegments.Offset.CONTIGUOUS,
                            random.nextBoolean());
            case 4 -> Patterns.fixed(random.nextInt(6, 30), random.nextInt(1, 4), 1);
            case 5 -> Patterns.strided(random.nextInt(1, 30));
            case 6 -> new LeadingTokens(random.nextInt(5));
            default -> blocks(random);
        };
    }

    private static AttentionPattern blocks(RandomGenerator random) {
        return BlockLayout.of(1 + LONGEST / BLOCKS, List.<BitSet[]>of(RandomPatterns.layout(random, BLOCKS)));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void fusedEqualsWrittenOut(int seed) {
        RandomGenerator random = random(seed);
        AttentionPattern pattern = PATTERNS.draw(random, 2);
        int keys = random.nextInt(1, LONGEST);
        int queries = random.nextBoolean() ? keys : random.nextInt(1, keys + 1);
        ComposedCase one = new ComposedCase(Seed.of(seed), 2, queries, keys, HEADS, 5, 2, pattern, "srg", "qk", "01");
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> expected = one.writtenOut(DType.F64);
            assertThat(ComposedCase.difference(one.fused(DType.F64), expected)).as("%s", one).isLessThan(1e-12);
            assertThat(ComposedCase.difference(one.fused(DType.F32), expected)).as("%s", one).isLessThan(2e-5);
        }
    }

    private static ComposedAttention layer(AttentionPattern pattern, DType dtype) {
        ComposedAttention layer =
                ComposedAttention.heads(HEADS)
                        .pattern(pattern)
                        .initialiser(Initialiser.normal(0.3))
                        .create(24, Seed.of(3));
        layer.convert(dtype);
        return layer;
    }

    private static Tensor tokens(int length, DType dtype) {
        return Initialiser.normal(1).create(Shape.of(2, length, 24), Seed.of(length)).cast(dtype);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void decodeEqualsFull(int seed) {
        RandomGenerator random = random(seed);
        ComposedAttention layer = layer(PATTERNS.draw(random, 2).and(Patterns.causal()), DType.F64);
        Tensor x = tokens(random.nextInt(70, 140), DType.F64);
        assertThat(layer.isRecurrent()).isTrue();
        for (int chunk : new int[] {1, 69}) {
            TokenMixer.Step last = Stepwise.run(layer, x, chunk);
            assertThat(ComposedCase.difference(last.y(), layer.forward(x))).isLessThan(1e-12);
            assertThat(last.state().elements()).isEqualTo(2 * layer.stateElements(x.dim(1)));
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void workIsThatOfThePatternAndItsPadding(int seed) {
        RandomGenerator random = random(seed);
        ComposedAttention layer = layer(PATTERNS.draw(random, 2), DType.F32);
        int length = random.nextInt(1, LONGEST);
        Tensor x = tokens(length, DType.F32);
        long found = WorkMeter.measure(() -> Autograd.inference(() -> layer.forward(x)));
        double stated = 2 * layer.multiplyAdds(length) * (1 + layer.padding(length));
        assertThat((double) found).isCloseTo(stated, within(1e-9 * stated));
    }

    @Test
    void workFollowsThePairsThatArePossible() {
        int length = 2048;
        List<AttentionPattern> sparse =
                List.of(
                        Patterns.local(16).and(Patterns.causal()),
                        Patterns.atrous(16).and(Patterns.causal()),
                        new LeadingTokens(8).and(Patterns.causal()).or(Patterns.local(16).and(Patterns.causal())),
                        Patterns.window(256, 0).and(Patterns.window(224, 0).not()));
        for (AttentionPattern pattern : sparse) {
            long computed = Arrangement.of(pattern, length, length).plan(HEADS).pairs();
            assertThat(computed).as("%s", pattern).isLessThan((long) length * length / 10);
        }
    }
}
