package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// Every answer of a pattern against `allows`, by brute force.
class PatternTest {
    private static final int[][] SIZES = {{1, 1}, {7, 7}, {13, 29}, {29, 13}, {67, 131}, {40, 40}};

    /// A pattern that answers nothing but `allows`, and differs by head.
    private static final AttentionPattern PLAIN = (head, query, key) -> (query * 7 + key * 5 + head * 3) % 4 == 0;

    static Stream<AttentionPattern> patterns() {
        List<AttentionPattern> simple =
                new ArrayList<>(
                        List.of(
                                Patterns.full(),
                                Patterns.causal(),
                                Patterns.local(0),
                                Patterns.local(3),
                                Patterns.local(200),
                                Patterns.local(2, 3),
                                Patterns.local(5, 70),
                                Patterns.window(4, 0),
                                Patterns.window(2, 9),
                                Patterns.window(Window.UNLIMITED, 3),
                                Patterns.window(1, Window.UNLIMITED),
                                new Window(Window.UNLIMITED, 0, 5),
                                new Segments(1),
                                new Segments(6),
                                new Segments(70),
                                new SummaryColumns(7, 2, 3),
                                new SummaryColumns(1, 1, 1),
                                new SummaryColumns(90, 67, 1),
                                new LeadingTokens(0),
                                new LeadingTokens(3),
                                BlockPatternsTest.random(1, 131, 2, 3),
                                BlockPatternsTest.random(4, 9, 3, 2),
                                BlockPatternsTest.random(70, 3, 1, 1).startingAt(2),
                                Patterns.perHead(Patterns.strided(5), Patterns.fixed(6, 2, 2), PLAIN),
                                PLAIN));
        List<AttentionPattern> all = new ArrayList<>(simple);
        for (AttentionPattern a : simple) {
            all.add(a.not());
            for (AttentionPattern b : List.of(Patterns.causal(), Patterns.local(2, 3), PLAIN)) {
                all.add(a.and(b));
                all.add(a.or(b));
                all.add(a.or(b).and(Patterns.causal()).and(b.not()));
            }
        }
        return all.stream();
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void bitsAreAllows(AttentionPattern pattern) {
        for (int query : new int[] {-70, -1, 0, 1, 63, 64, 130}) {
            for (int key : new int[] {0, 1, 5, 64, 100}) {
                long bits = pattern.bits(1, query, key);
                for (int t = 0; t < AttentionPattern.BITS; t++) {
                    assertThat((bits >>> t & 1) == 1)
                            .as("query %d key %d", query, key + t)
                            .isEqualTo(pattern.allows(1, query, key + t));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void tilesNeverLie(AttentionPattern pattern) {
        for (int[] tile : new int[][] {{1, 1}, {3, 5}, {6, 4}, {96, 64}}) {
            for (int q0 = -12; q0 < 30; q0 += tile[0]) {
                for (int k0 = 0; k0 < 30; k0 += tile[1]) {
                    int allowed = count(pattern, q0, q0 + tile[0], k0, k0 + tile[1]);
                    switch (pattern.tile(0, q0, q0 + tile[0], k0, k0 + tile[1])) {
                        case EMPTY -> assertThat(allowed).isZero();
                        case FULL -> assertThat(allowed).isEqualTo(tile[0] * tile[1]);
                        case PARTIAL -> {}
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void keyRangesHoldEveryAllowedKey(AttentionPattern pattern) {
        for (int q0 = -12; q0 < 40; q0 += 5) {
            KeyRanges ranges = pattern.keys(0, q0, q0 + 5);
            for (int key = 0; key < 40; key++) {
                if (count(pattern, q0, q0 + 5, key, key + 1) > 0) {
                    assertThat(contains(ranges, key)).as("%s key %d", ranges, key).isTrue();
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void pairsIsTheCountOfAllows(AttentionPattern pattern) {
        for (int[] size : SIZES) {
            int offset = size[1] - size[0];
            assertThat(pattern.pairs(1, size[0], size[1]))
                    .as("N=%d M=%d", size[0], size[1])
                    .isEqualTo(countHead(pattern, 1, offset, size[1], 0, size[1]));
        }
    }

    @Test
    void localPairsHaveTheClosedFormOfTheSpec() {
        for (int n = 1; n <= 40; n++) {
            for (int window = 0; window < 45; window++) {
                long m = Math.min(window, n - 1);
                assertThat(Patterns.local(window).pairs(n)).isEqualTo(n * (2 * m + 1) - m * (m + 1));
                assertThat(Patterns.local(window).and(Patterns.causal()).pairs(n))
                        .isEqualTo(n * (m + 1) - m * (m + 1) / 2);
                for (int rate = 2; rate < 5; rate++) {
                    long steps = 0;
                    for (int s = 1; s <= window; s++) {
                        steps += Math.max(0, n - s * rate);
                    }
                    assertThat(Patterns.local(window, rate).pairs(n)).isEqualTo(n + 2 * steps);
                }
            }
        }
    }

    @Test
    void plainWindowsClassifyTilesExactly() {
        for (AttentionPattern pattern :
                List.of(Patterns.causal(), Patterns.local(7), Patterns.local(7).and(Patterns.causal()))) {
            for (int q0 = 0; q0 < 30; q0 += 3) {
                for (int k0 = 0; k0 < 30; k0 += 4) {
                    int allowed = count(pattern, q0, q0 + 3, k0, k0 + 4);
                    Tile expected = allowed == 0 ? Tile.EMPTY : allowed == 12 ? Tile.FULL : Tile.PARTIAL;
                    assertThat(pattern.tile(0, q0, q0 + 3, k0, k0 + 4)).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void windowThatCoversTheSequenceIsCausal() {
        assertThat(Patterns.local(39).and(Patterns.causal()).pairs(40)).isEqualTo(Patterns.causal().pairs(40));
        assertThat(Patterns.local(39).pairs(40)).isEqualTo(Patterns.full().pairs(40));
    }

    @Test
    void rangesUniteAndIntersect() {
        KeyRanges a = KeyRanges.of(0, 5).union(KeyRanges.of(10, 20));
        KeyRanges b = KeyRanges.of(4, 11);
        assertThat(a.union(b)).isEqualTo(KeyRanges.of(0, 20));
        assertThat(a.intersect(b)).isEqualTo(KeyRanges.of(4, 5).union(KeyRanges.of(10, 11)));
        assertThat(a.intersect(KeyRanges.NONE)).isEqualTo(KeyRanges.NONE);
        assertThat(a.intersect(KeyRanges.ALL)).isEqualTo(a);
    }

    @Test
    void badWindowsAreRefused() {
        assertThatThrownBy(() -> Patterns.local(-1))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("window: -1");
        assertThatThrownBy(() -> Patterns.local(1, 0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("rate: 0");
        assertThatThrownBy(() -> Patterns.window(-2, 0)).isInstanceOf(ConfigException.class).hasMessageContaining("-2");
    }

    private static boolean contains(KeyRanges ranges, int key) {
        for (int r = 0; r < ranges.count(); r++) {
            if (key >= ranges.start(r) && key < ranges.stop(r)) {
                return true;
            }
        }
        return false;
    }

    private static int count(AttentionPattern pattern, int q0, int q1, int k0, int k1) {
        return countHead(pattern, 0, q0, q1, k0, k1);
    }

    private static int countHead(AttentionPattern pattern, int head, int q0, int q1, int k0, int k1) {
        int allowed = 0;
        for (int query = q0; query < q1; query++) {
            for (int key = k0; key < k1; key++) {
                allowed += pattern.allows(head, query, key) ? 1 : 0;
            }
        }
        return allowed;
    }
}
