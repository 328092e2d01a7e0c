package dev.heddle.attention.pattern;

import java.util.BitSet;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Patterns drawn and joined at random.
///
/// @param simple draws what is joined
/// @param uniform whether all heads shall see the same
public record RandomPatterns(Function<RandomGenerator, AttentionPattern> simple, boolean uniform) {
    private static final int SIMPLE = 4;
    private static final int JOINS = 4;
    private static final int SPARSITY = 3;

    /// A simple pattern, or two of a lesser depth joined.
    public AttentionPattern draw(RandomGenerator random, int depth) {
        if (depth == 0 || random.nextInt(SIMPLE) == 0) {
            return simple.apply(random);
        }
        AttentionPattern first = draw(random, depth - 1);
        AttentionPattern second = draw(random, depth - 1);
        return switch (random.nextInt(JOINS)) {
            case 0 -> first.and(second);
            case 1 -> first.and(second.not());
            case 2 -> Patterns.perHead(first, uniform ? first : second);
            default -> first.or(second);
        };
    }

    /// A layout of `blocks` by `blocks` blocks, a third of which are seen.
    public static BitSet[] layout(RandomGenerator random, int blocks) {
        return Stream.generate(() -> row(random, blocks)).limit(blocks).toArray(BitSet[]::new);
    }

    private static BitSet row(RandomGenerator random, int blocks) {
        BitSet row = new BitSet();
        IntStream.range(0, blocks).filter(column -> random.nextInt(SPARSITY) == 0).forEach(row::set);
        return row;
    }
}
