package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import dev.heddle.attention.pattern.DilatedSegments.Offset;
import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// Every answer of the pattern against its equations, by brute force.
class DilatedSegmentsTest {
    private static final int[][] PAIRS = {{1, 1}, {3, 1}, {5, 2}, {8, 4}, {12, 3}, {70, 1}, {67, 5}, {200, 70}};
    private static final int HEADS = 5;

    static Stream<DilatedSegments> patterns() {
        List<DilatedSegments> all = new ArrayList<>();
        for (int[] pair : PAIRS) {
            for (boolean causal : new boolean[] {true, false}) {
                for (Offset offset : Offset.values()) {
                    DilatedSegments pattern = new DilatedSegments(pair[0], pair[1], HEADS, offset, causal);
                    all.add(pattern);
                    all.add(pattern.from(7));
                }
            }
        }
        return all.stream();
    }

    // The specification's words, where keys before `start` of the first segment have been dropped.
    private static boolean expected(DilatedSegments p, int head, int query, int key) {
        int i = query + p.start();
        int j = key + p.start();
        int shared = (p.heads() + p.rate() - 1) / p.rate();
        int o = p.offset() == Offset.MODULO ? head % p.rate() : head / shared;
        return i / p.segment() == j / p.segment()
                && i % p.segment() % p.rate() == o
                && j % p.segment() % p.rate() == o
                && (!p.causal() || j <= i);
    }

    private static int count(DilatedSegments p, int head, int q0, int q1, int k0, int k1) {
        int count = 0;
        for (int query = q0; query < q1; query++) {
            for (int key = k0; key < k1; key++) {
                count += expected(p, head, query, key) ? 1 : 0;
            }
        }
        return count;
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void allowsIsTheDefinition(DilatedSegments pattern) {
        for (int head = 0; head < HEADS; head++) {
            for (int query = 0; query < 80; query += 3) {
                for (int key = 0; key < 80; key++) {
                    if (pattern.allows(head, query, key) != expected(pattern, head, query, key)) {
                        fail("head %d query %d key %d of %s", head, query, key, pattern);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void bitsAreAllows(DilatedSegments pattern) {
        for (int query : new int[] {-70, -3, 0, 1, 2, 63, 64, 100, 131, 210}) {
            for (int key : new int[] {0, 1, 5, 64, 100, 128}) {
                for (int head = 0; head < HEADS; head++) {
                    long bits = 0;
                    for (int t = 0; t < AttentionPattern.BITS; t++) {
                        bits |= pattern.allows(head, query, key + t) ? 1L << t : 0;
                    }
                    assertThat(pattern.bits(head, query, key))
                            .as("head %d query %d key %d", head, query, key)
                            .isEqualTo(bits);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void tilesSkipAllThatIsEmptyAndNothingElse(DilatedSegments pattern) {
        for (int[] tile : new int[][] {{1, 1}, {3, 5}, {6, 64}}) {
            for (int q0 = 0; q0 < 220; q0 += 11) {
                for (int k0 = 0; k0 < 220; k0 += 13) {
                    int allowed = count(pattern, 3, q0, q0 + tile[0], k0, k0 + tile[1]);
                    Tile found = pattern.tile(3, q0, q0 + tile[0], k0, k0 + tile[1]);
                    assertThat(found == Tile.EMPTY).as("%d %d", q0, k0).isEqualTo(allowed == 0);
                    if (found == Tile.FULL) {
                        assertThat(allowed).isEqualTo(tile[0] * tile[1]);
                    }
                    if (pattern.rate() == 1 && allowed == tile[0] * tile[1] && pattern.segment() > 1) {
                        assertThat(found).isEqualTo(Tile.FULL);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void keyRangesHoldEveryAllowedKey(DilatedSegments pattern) {
        for (int q0 = 0; q0 < 150; q0++) {
            for (int step : new int[] {1, 5}) {
                KeyRanges ranges = pattern.keys(2, q0, q0 + step);
                assertThat(ranges.count()).isLessThanOrEqualTo(1);
                for (int key = 0; key < 220; key++) {
                    boolean inside = ranges.count() == 1 && ranges.start(0) <= key && key < ranges.stop(0);
                    if (!inside && count(pattern, 2, q0, q0 + step, key, key + 1) > 0) {
                        fail("%s lacks %d of %s", ranges, key, pattern);
                    }
                }
            }
        }
    }

    @Test
    void pairsHaveTheClosedFormOfTheSpec() {
        for (int n = 1; n <= 40; n++) {
            for (int segment = 1; segment <= 45; segment += 3) {
                for (int rate = 1; rate <= Math.min(segment, 6); rate++) {
                    for (boolean causal : new boolean[] {true, false}) {
                        DilatedSegments pattern = new DilatedSegments(segment, rate, 3, Offset.CONTIGUOUS, causal);
                        for (int head = 0; head < 3; head++) {
                            assertThat(pattern.pairs(head, n, n))
                                    .as("%s N=%d", pattern, n)
                                    .isEqualTo(count(pattern, head, 0, n, 0, n))
                                    .isEqualTo(closedForm(pattern, head, n));
                        }
                    }
                }
            }
        }
    }

    private static long closedForm(DilatedSegments p, int head, int n) {
        long pairs = 0;
        for (int from = 0; from < n; from += p.segment()) {
            int length = Math.min(p.segment(), n - from);
            long kept = Math.max(0, Math.ceilDiv(length - p.offset().of(head, p.heads(), p.rate()), p.rate()));
            pairs += p.causal() ? kept * (kept + 1) / 2 : kept * kept;
        }
        return pairs;
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void pairsOfTheLastQueriesAreTheCountOfAllows(DilatedSegments pattern) {
        for (int[] size : new int[][] {{1, 1}, {1, 40}, {7, 40}, {29, 67}, {67, 131}}) {
            for (int head = 0; head < HEADS; head++) {
                assertThat(pattern.pairs(head, size[0], size[1]))
                        .as("N=%d M=%d", size[0], size[1])
                        .isEqualTo(count(pattern, head, size[1] - size[0], size[1], 0, size[1]));
            }
        }
    }

    // Σ w/r² of a ladder that grows by a is at most (w₀/r₀²)·a/(a−1): attention is linear in N.
    @Test
    void pairsOfAGeometricLadderAreLinear() {
        int length = 1 << 20;
        long pairs = 0;
        for (int step = 1; step <= 16; step *= 2) {
            pairs += new DilatedSegments(2048 * step, step, 1, Offset.CONTIGUOUS, false).pairs(0, length, length);
        }
        assertThat(pairs).isLessThanOrEqualTo(length * 2048L * 2).isGreaterThan(length * 2048L * 19 / 10);
    }

    @Test
    void pairsThatAreNoneAreRefused() {
        for (int[] bad : new int[][] {{0, 1}, {1, 0}, {-3, -3}}) {
            assertThatThrownBy(() -> new DilatedSegments(bad[0], bad[1], 2, Offset.MODULO, true))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining("use 1 or more");
        }
        assertThatThrownBy(() -> new DilatedSegments(4, 5, 2, Offset.MODULO, true))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("rate 5 exceeds its segment of 4");
        assertThatThrownBy(() -> new DilatedSegments(4, 2, 2, Offset.MODULO, true, 4))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("start: 4");
    }
}
