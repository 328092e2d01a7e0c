package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/// A pattern that says it is the same for all heads is, and one that is known to be says so.
class UniformPatternTest {
    private static final int HEADS = 6;
    private static final int N = 60;

    private static BitSet[] blocks(int... columns) {
        return IntStream.of(columns)
                .mapToObj(
                        column -> {
                            BitSet row = new BitSet();
                            row.set(column);
                            return row;
                        })
                .toArray(BitSet[]::new);
    }

    private static DilatedSegments dilated(int rate, int heads) {
        return new DilatedSegments(12, rate, heads, DilatedSegments.Offset.CONTIGUOUS, true);
    }

    private static boolean isSame(AttentionPattern pattern) {
        return IntStream.range(0, HEADS * N * N)
                .allMatch(
                        at -> pattern.allows(at / N / N, at / N % N, at % N) == pattern.allows(0, at / N % N, at % N));
    }

    @Test
    void whatIsSameForAllHeadsSaysSo() {
        AttentionPattern local = Patterns.local(3, 2);
        AttentionPattern blocks = BlockLayout.of(20, List.of(blocks(0, 0, 2), blocks(0, 0, 2)));
        List<AttentionPattern> same =
                List.of(
                        local,
                        Patterns.segments(7),
                        new LeadingTokens(2),
                        Patterns.fixed(9, 2, 1),
                        blocks,
                        blocks.and(Patterns.causal()),
                        dilated(1, HEADS),
                        dilated(2, 2 * HEADS),
                        Patterns.perHead(local, Patterns.local(3, 2)),
                        local.or(Patterns.segments(5)).and(Patterns.causal()).not());
        for (AttentionPattern pattern : same) {
            assertThat(isSame(pattern)).as("%s", pattern).isTrue();
            assertThat(pattern.isUniform(HEADS)).as("%s", pattern).isTrue();
        }
    }

    @Test
    void whatDiffersByHeadDoesNotSaySo() {
        AttentionPattern perHead = Patterns.perHead(Patterns.causal(), Patterns.local(3));
        AttentionPattern blocks = BlockLayout.of(20, List.of(blocks(0, 0, 2), blocks(0, 1, 2)));
        List<AttentionPattern> different =
                List.of(
                        perHead,
                        perHead.not(),
                        perHead.or(Patterns.segments(4)),
                        Patterns.segments(40).and(perHead),
                        Patterns.fixed(9, 2, 2),
                        blocks,
                        blocks.and(Patterns.causal()),
                        dilated(2, HEADS));
        for (AttentionPattern pattern : different) {
            assertThat(isSame(pattern)).as("%s", pattern).isFalse();
            assertThat(pattern.isUniform(HEADS)).as("%s", pattern).isFalse();
            assertThat(pattern.isUniform(1)).as("%s", pattern).isTrue();
        }
    }

    @Test
    void whoSaysNothingProvesNothing() {
        AttentionPattern unknown = (head, query, key) -> key <= query;
        assertThat(unknown.isUniform(2)).isFalse();
    }
}
