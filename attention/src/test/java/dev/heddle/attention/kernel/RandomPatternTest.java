package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.RandomPatterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.BitSet;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// The tiled kernel against the reference under patterns drawn at random and joined at random, over random sizes: outputs
/// and every gradient.
class RandomPatternTest {
    private static final int CASES = 60;
    private static final int LONGEST = 150;
    private static final int HEADS = 4;
    private static final int BLOCKS = 12;
    private static final RandomPatterns PATTERNS = new RandomPatterns(RandomPatternTest::simple, false);

    static IntStream seeds() {
        return IntStream.range(0, CASES);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void tiledEqualsReference(int seed) {
        RandomGenerator random = Seed.of(seed).split("patterns").generator();
        AttentionPattern pattern = PATTERNS.draw(random, 2);
        int keys = random.nextInt(1, LONGEST);
        int queries = random.nextBoolean() ? keys : random.nextInt(1, LONGEST);
        int groups = random.nextBoolean() ? HEADS : HEADS / 2;
        AttentionCase one = new AttentionCase(seed, 1, HEADS, groups, queries, keys, random.nextInt(1, 40), 16);
        switch (random.nextInt(4)) {
            case 0 -> one.toeplitz();
            case 1 -> one.dense(HEADS, queries, keys);
            case 2 -> one.mask(0.7, 1, 1, 1, keys);
            default -> {}
        }
        AttentionCase.assertClose(one.run(DType.F32, pattern), one.run(DType.F64, pattern), 2e-5, 1e-4);
    }

    private static AttentionPattern simple(RandomGenerator random) {
        return switch (random.nextInt(7)) {
            case 0 -> Patterns.causal();
            case 1 -> Patterns.local(random.nextInt(30), random.nextInt(1, 9));
            case 2 -> new Window(random.nextInt(-1, 20), random.nextInt(-1, 20), random.nextInt(1, 20));
            case 3 -> new DilatedSegments(24, random.nextInt(1, 24), HEADS, offset(random), random.nextBoolean());
            case 4 -> Patterns.fixed(random.nextInt(6, 30), random.nextInt(1, 4), random.nextInt(1, 3));
            case 5 -> Patterns.strided(random.nextInt(1, 30));
            default -> blocks(random);
        };
    }

    private static DilatedSegments.Offset offset(RandomGenerator random) {
        return random.nextBoolean() ? DilatedSegments.Offset.MODULO : DilatedSegments.Offset.CONTIGUOUS;
    }

    private static AttentionPattern blocks(RandomGenerator random) {
        List<BitSet[]> layout = Stream.generate(() -> RandomPatterns.layout(random, BLOCKS)).limit(HEADS).toList();
        return BlockLayout.of(1 + LONGEST / BLOCKS, layout);
    }
}
