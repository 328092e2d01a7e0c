package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.BitSet;
import java.util.SplittableRandom;

/// Ranges of keys, and those that patterns with gaps name.
class KeyRangesTest {
    private static final int KEYS = 1000;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void wordsHoldAllRangesAndShareNoKey(int seed) {
        var random = new SplittableRandom(seed);
        KeyRanges ranges = KeyRanges.NONE;
        for (int i = random.nextInt(12); i > 0; i--) {
            int start = random.nextInt(-200, KEYS);
            ranges = ranges.union(KeyRanges.of(start, start + random.nextInt(1, 1 + 150 / seed)));
        }
        int[] words = ranges.words();
        BitSet held = new BitSet();
        for (int n = 0; n < words.length; n++) {
            assertThat(n == 0 || words[n] - words[n - 1] >= AttentionPattern.BITS).isTrue();
            assertThat(keys(ranges).get(words[n] + 200)).as("word from %d begins with a key", words[n]).isTrue();
            held.set(words[n] + 200, words[n] + 200 + AttentionPattern.BITS);
        }
        BitSet missing = keys(ranges);
        missing.andNot(held);
        assertThat(missing.isEmpty()).isTrue();
    }

    // Moved up by 200.
    private static BitSet keys(KeyRanges ranges) {
        BitSet keys = new BitSet();
        for (int r = 0; r < ranges.count(); r++) {
            keys.set(ranges.start(r) + 200, ranges.stop(r) + 200);
        }
        return keys;
    }

    @Test
    void wordsBeginWithTheRange() {
        assertThat(KeyRanges.NONE.words()).isEmpty();
        assertThat(KeyRanges.of(-64, 65).words()).containsExactly(-64, 0, 64);
        assertThat(KeyRanges.of(Integer.MAX_VALUE - 1, Integer.MAX_VALUE).words())
                .containsExactly(Integer.MAX_VALUE - 1);
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 0, 70",
        "-1, -1, 65",
        "3, 0, 128",
        "2, 5, 200",
        "0, 0, 90",
        "-1, 0, 64",
        "9, 1, 7",
        "2000000000, 0, 2000000000"
    })
    void distantStepsAreNamedOneByOneUpToTheLastQuery(int left, int right, int rate) {
        var pattern = new Window(left, right, rate);
        for (int count : new int[] {1, 5, 63, 130}) {
            for (int q0 = -150; q0 < KEYS; q0 += 37) {
                BitSet named = cut(pattern.keys(0, q0, q0 + count), KEYS);
                BitSet allowed = allowed(pattern, q0, count, KEYS);
                assertThat(named.get(0, KEYS)).satisfies(keys -> assertThat(holds(keys, allowed)).isTrue());
                if (rate - count >= AttentionPattern.BITS && q0 + count > 0) {
                    assertThat(named.get(0, q0 + count)).isEqualTo(allowed.get(0, q0 + count));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"128, 8, 4", "70, 6, 2", "16, 4, 1", "5, 5, 1"})
    void columnsAreNamedOneByOne(int stride, int width, int groups) {
        var pattern = new SummaryColumns(stride, width, groups);
        for (int head = 0; head < groups; head++) {
            for (int query = 0; query < KEYS; query += 13) {
                KeyRanges ranges = pattern.keys(head, query, query + 1);
                assertThat(ranges.size()).isEqualTo(pattern.pairs(head, 1, query + 1));
            }
        }
    }

    private static BitSet cut(KeyRanges ranges, int keys) {
        BitSet named = new BitSet();
        KeyRanges inside = ranges.intersect(KeyRanges.of(0, keys));
        for (int r = 0; r < inside.count(); r++) {
            named.set(inside.start(r), inside.stop(r));
        }
        return named;
    }

    private static BitSet allowed(AttentionPattern pattern, int q0, int count, int keys) {
        BitSet allowed = new BitSet();
        for (int query = q0; query < q0 + count; query++) {
            for (int key = 0; key < keys; key++) {
                if (pattern.allows(0, query, key)) {
                    allowed.set(key);
                }
            }
        }
        return allowed;
    }

    private static boolean holds(BitSet all, BitSet some) {
        BitSet missing = (BitSet) some.clone();
        missing.andNot(all);
        return missing.isEmpty();
    }
}
