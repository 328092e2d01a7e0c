package dev.heddle.attention.compressed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.Stream;

/// Every answer of this package's patterns against `allows`, by brute force, and against the closed forms.
class ColumnPatternTest {
    static Stream<AttentionPattern> patterns() {
        return Stream.of(
                new LocalBlocks(1, 0),
                new LocalBlocks(1, 1),
                new LocalBlocks(5, 0),
                new LocalBlocks(5, 1),
                new LocalBlocks(70, 1),
                new LocalBlocks(Integer.MAX_VALUE, 1),
                new CompressedColumns(1, 1, 0),
                new CompressedColumns(3, 1, 7),
                new CompressedColumns(3, 0, -11),
                new CompressedColumns(4, 2, 30),
                new CompressedColumns(7, 0, 2));
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void bitsAreAllows(AttentionPattern pattern) {
        for (int query : new int[] {-70, -1, 0, 1, 4, 5, 63, 64, 130, 200}) {
            for (int key : new int[] {0, 1, 5, 60, 64, 100}) {
                long bits = pattern.bits(0, query, key);
                for (int t = 0; t < AttentionPattern.BITS; t++) {
                    assertThat((bits >>> t & 1) == 1)
                            .as("query %d key %d", query, key + t)
                            .isEqualTo(pattern.allows(0, query, key + t));
                }
            }
        }
    }

    // These patterns are exact where all queries of a tile are real ones.
    @ParameterizedTest
    @MethodSource("patterns")
    void tilesSayExactlyWhatIsAllowed(AttentionPattern pattern) {
        for (int[] tile : new int[][] {{1, 1}, {3, 5}, {6, 4}, {30, 20}}) {
            for (int q0 = 0; q0 < 40; q0 += tile[0]) {
                for (int k0 = 0; k0 < 40; k0 += tile[1]) {
                    int allowed = count(pattern, q0, q0 + tile[0], k0, k0 + tile[1]);
                    switch (pattern.tile(0, q0, q0 + tile[0], k0, k0 + tile[1])) {
                        case EMPTY -> assertThat(allowed).isZero();
                        case FULL -> assertThat(allowed).isEqualTo(tile[0] * tile[1]);
                        case PARTIAL -> assertThat(allowed).isBetween(1, tile[0] * tile[1] - 1);
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
                    assertThat(ranges.intersect(KeyRanges.of(key, key + 1L)).count()).as("key %d", key).isOne();
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void pairsIsTheCountOfAllows(AttentionPattern pattern) {
        for (int queries = 0; queries <= 40; queries++) {
            for (int keys = 0; keys <= 40; keys++) {
                assertThat(pattern.pairs(0, queries, keys))
                        .as("N=%d M=%d", queries, keys)
                        .isEqualTo(count(pattern, keys - queries, keys, 0, keys));
            }
        }
    }

    @Test
    void localBlockPairsHaveTheClosedFormOfTheSpecification() {
        for (int n = 1; n <= 40; n++) {
            for (int block = 1; block <= 45; block++) {
                long whole = n / block;
                long rest = n % block;
                long own = whole * block * (block + 1) / 2 + rest * (rest + 1) / 2;
                assertThat(new LocalBlocks(block, 0).pairs(n)).isEqualTo(own);
                long previous = n >= block ? (long) block * (n - block) : 0;
                assertThat(new LocalBlocks(block, 1).pairs(n)).isEqualTo(own + previous);
            }
        }
    }

    // Column c ≥ 1 stands for block c−1, which has ended before token i iff c·f ≤ i.
    @Test
    void aColumnOfCompressedInputsIsSeenOnceItsBlockHasEnded() {
        for (int n = 1; n <= 40; n++) {
            for (int f = 1; f <= 45; f++) {
                int columns = 1 + n / f;
                AttentionPattern pattern = CompressedColumns.of(f, 1, n / f, n % f, 0);
                long pairs = 0;
                for (int i = 0; i < n; i++) {
                    pairs += 1 + i / f;
                    for (int c = 0; c < columns; c++) {
                        assertThat(pattern.allows(0, i + columns - n, c)).isEqualTo((long) c * f <= i);
                    }
                }
                assertThat(pattern.pairs(0, n, columns)).isEqualTo(pairs);
            }
        }
    }

    @Test
    void aColumnOfCompressedKeysIsSeenByTheTokenThatClosesItsBlock() {
        for (int n = 1; n <= 40; n++) {
            for (int f = 1; f <= 11; f++) {
                int zeros = Math.floorMod(-n, f);
                int columns = 1 + (n + zeros) / f;
                AttentionPattern pattern = CompressedColumns.of(f, 1, columns - 1, 0, 1);
                for (int i = 0; i < n; i++) {
                    assertThat(pattern.allows(0, i + columns - n, 0)).isTrue();
                    for (int block = 0; block < columns - 1; block++) {
                        assertThat(pattern.allows(0, i + columns - n, 1 + block))
                                .as("N=%d f=%d token %d block %d", n, f, i, block)
                                .isEqualTo(i >= (block + 1) * f - 1 - zeros);
                    }
                }
            }
        }
    }

    // L M L: whatever lies in a closed block of the memory, or in the own local block, reaches a token; nothing later.
    @Test
    void localMemoryLocalReachesAllClosedBlocksAndTheOwnOne() {
        int n = 41;
        int f = 3;
        AttentionPattern local = new LocalBlocks(7, 0);
        boolean[][] l = reach(n, (i, j) -> local.allows(0, i, j));
        boolean[][] m = reach(n, (i, j) -> j == 0 || (j / f + 1) * f <= i);
        boolean[][] all = after(after(l, m), l);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                if (j > i) {
                    assertThat(all[i][j]).as("%d is later than %d", j, i).isFalse();
                } else if ((j / f + 1) * f <= i || i / 7 == j / 7 && j <= 7 * (i / 7)) {
                    assertThat(all[i][j]).as("%d reaches %d", j, i).isTrue();
                }
            }
        }
    }

    private interface Sees {
        boolean test(int query, int token);
    }

    // A residual path keeps what a token had.
    private static boolean[][] reach(int n, Sees sees) {
        boolean[][] reach = new boolean[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                reach[i][j] = i == j || sees.test(i, j);
            }
        }
        return reach;
    }

    private static boolean[][] after(boolean[][] second, boolean[][] first) {
        int n = first.length;
        boolean[][] both = new boolean[n][n];
        for (int i = 0; i < n; i++) {
            for (int via = 0; via < n; via++) {
                for (int j = 0; second[i][via] && j < n; j++) {
                    both[i][j] |= first[via][j];
                }
            }
        }
        return both;
    }

    @Test
    void badBlocksAreRefused() {
        assertThatThrownBy(() -> new LocalBlocks(0, 0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("block_length: 0");
        assertThatThrownBy(() -> new LocalBlocks(3, 2))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("reach: 2");
    }

    private static int count(AttentionPattern pattern, int q0, int q1, int k0, int k1) {
        int allowed = 0;
        for (int query = q0; query < q1; query++) {
            for (int key = k0; key < k1; key++) {
                allowed += pattern.allows(0, query, key) ? 1 : 0;
            }
        }
        return allowed;
    }
}
