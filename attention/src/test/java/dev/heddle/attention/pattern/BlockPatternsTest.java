package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/// Blocks, segments and columns answer exactly, and their unions are those of the Sparse Transformer.
class BlockPatternsTest {
    /// A layout of which about one block in `sparsity` is joined; one head is empty if there are several.
    static BlockLayout random(int block, int blocks, int heads, int sparsity) {
        RandomGenerator random = Seed.of(block).split(blocks).generator();
        List<BitSet[]> layouts = new ArrayList<>();
        for (int h = 0; h < heads; h++) {
            BitSet[] rows = new BitSet[blocks];
            for (int row = 0; row < blocks; row++) {
                rows[row] = new BitSet();
                for (int column = 0; column < blocks && h < 2; column++) {
                    rows[row].set(column, random.nextInt(sparsity) == 0);
                }
            }
            layouts.add(rows);
        }
        return BlockLayout.of(block, layouts);
    }

    static Stream<AttentionPattern> exact() {
        return Stream.of(
                random(1, 40, 2, 2),
                random(3, 11, 2, 3),
                random(5, 6, 1, 1),
                random(4, 7, 3, 5).startingAt(3),
                random(3, 3, 1, 2),
                random(1, 40, 2, 2).and(Patterns.causal()),
                random(3, 11, 2, 3).and(Patterns.causal()),
                random(4, 7, 3, 5).startingAt(3).and(Patterns.causal()),
                new Segments(1),
                new Segments(5),
                new Segments(64),
                new SummaryColumns(6, 2, 3),
                new SummaryColumns(5, 5, 1),
                new SummaryColumns(9, 1, 1),
                new LeadingTokens(0),
                new LeadingTokens(7));
    }

    @ParameterizedTest
    @MethodSource("exact")
    void everyTileIsWhatItsPairsAre(AttentionPattern pattern) {
        for (int head = 0; head < 3; head++) {
            for (int[] size : new int[][] {{1, 1}, {3, 4}, {6, 5}, {7, 1}, {13, 11}}) {
                for (int q0 = -7; q0 < 40; q0++) {
                    for (int k0 = 0; k0 < 40; k0 += 3) {
                        int allowed = count(pattern, head, q0, q0 + size[0], k0, k0 + size[1]);
                        assertThat(pattern.tile(head, q0, q0 + size[0], k0, k0 + size[1]))
                                .as("head %d queries %d+%d keys %d+%d", head, q0, size[0], k0, size[1])
                                .isEqualTo(
                                        allowed == 0
                                                ? Tile.EMPTY
                                                : allowed == size[0] * size[1] ? Tile.FULL : Tile.PARTIAL);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("exact")
    void keyRangesHoldNothingButAllowedKeys(AttentionPattern pattern) {
        for (int head = 0; head < 3; head++) {
            for (int q0 = -7; q0 < 40; q0++) {
                for (int count : new int[] {1, 2, 9}) {
                    KeyRanges ranges = pattern.keys(head, q0, q0 + count);
                    for (int key = 0; key < 45; key++) {
                        boolean named = ranges.intersect(KeyRanges.of(key, key + 1)).count() > 0;
                        assertThat(named)
                                .as("head %d queries %d+%d key %d", head, q0, count, key)
                                .isEqualTo(count(pattern, head, q0, q0 + count, key, key + 1) > 0);
                    }
                    for (int r = 1; r < ranges.count(); r++) {
                        assertThat(ranges.start(r)).isGreaterThan(ranges.stop(r - 1) - 1);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("exact")
    void causalPairsAreCountedToo(AttentionPattern pattern) {
        AttentionPattern causal = pattern.and(Patterns.causal());
        for (int n = 1; n <= 40; n++) {
            for (int head = 0; head < 3; head++) {
                assertThat(causal.pairs(head, n, n)).isEqualTo(count(causal, head, 0, n, 0, n));
            }
        }
    }

    private static int count(AttentionPattern pattern, int head, int q0, int q1, int k0, int k1) {
        int allowed = 0;
        for (int query = q0; query < q1; query++) {
            for (int key = k0; key < k1; key++) {
                allowed += pattern.allows(head, query, key) ? 1 : 0;
            }
        }
        return allowed;
    }

    @Test
    void pairsHaveTheClosedFormsOfTheFactorisedPatterns() {
        for (int n = 1; n <= 40; n++) {
            for (int l = 1; l <= 43; l++) {
                long a = n / l;
                long e = n % l;
                long m = Math.min(l, n);
                long near = n * m - m * (m - 1) / 2;
                long far = e * (a + 1) * (a + 2) / 2 + (l - e) * a * (a + 1) / 2;
                assertThat(Patterns.window(l - 1, 0).pairs(n)).isEqualTo(near);
                assertThat(new Window(Window.UNLIMITED, 0, l).pairs(n)).isEqualTo(far);
                assertThat(Patterns.strided(l).pairs(n)).as("l=%d n=%d", l, n).isEqualTo(near + far - n);
                assertThat(new Segments(l).pairs(n)).isEqualTo(a * l * l + e * e);
                for (int c = 1; c <= Math.min(l, 5); c++) {
                    fixedPairsHaveTheClosedForm(n, l, c);
                }
            }
        }
    }

    private static void fixedPairsHaveTheClosedForm(int n, int l, int c) {
        long a = n / l;
        long e = n % l;
        long near = a * l * (l + 1) / 2 + e * (e + 1) / 2;
        long far = 0;
        for (int j = 0; j < n; j++) {
            far += j % l >= l - c ? n - j : 0;
        }
        long t = Math.max(0, e - (l - c));
        long overlap = a * c * (c + 1) / 2 + t * (t + 1) / 2;
        assertThat(new Segments(l).and(Patterns.causal()).pairs(n)).isEqualTo(near);
        assertThat(new SummaryColumns(l, c, 1).pairs(n)).isEqualTo(far);
        assertThat(Patterns.fixed(l, c, 1).pairs(n)).as("l=%d c=%d n=%d", l, c, n).isEqualTo(near + far - overlap);
    }

    @Test
    void pairsOfOneHeadCountItsOwnGroup() {
        for (int groups = 1; groups <= 3; groups++) {
            SummaryColumns columns = new SummaryColumns(7, 2, groups);
            for (int n = 1; n <= 40; n++) {
                for (int head = 0; head < 4; head++) {
                    for (int queries : new int[] {1, n, n + 9}) {
                        assertThat(columns.pairs(head, queries, n))
                                .isEqualTo(count(columns, head, n - queries, n, 0, n));
                    }
                }
            }
        }
    }

    @Test
    void blockPairsAreTheSetBlocks() {
        BlockLayout layout = random(5, 7, 2, 2);
        for (int head = 0; head < 2; head++) {
            int set = 0;
            int onDiagonal = 0;
            int below = 0;
            for (int row = 0; row < 7; row++) {
                for (int column = 0; column < 7; column++) {
                    int joined = layout.joins(head, row, column) ? 1 : 0;
                    set += joined;
                    onDiagonal += row == column ? joined : 0;
                    below += column < row ? joined : 0;
                }
            }
            assertThat(layout.pairs(head, 35, 35)).isEqualTo(25L * set);
            assertThat(layout.and(Patterns.causal()).pairs(head, 35, 35)).isEqualTo(25L * below + 15L * onDiagonal);
        }
    }

    @Test
    void causalPairsOfFewerQueriesThanKeysAreCounted() {
        for (BlockLayout layout : List.of(random(4, 7, 3, 2), random(4, 7, 3, 2).startingAt(3))) {
            AttentionPattern causal = layout.and(Patterns.causal());
            for (int queries : new int[] {1, 5, 13, 40}) {
                for (int keys : new int[] {1, 6, 13, 35}) {
                    for (int head = 0; head < 3; head++) {
                        assertThat(causal.pairs(head, queries, keys))
                                .isEqualTo(count(causal, head, keys - queries, keys, 0, keys));
                        for (int query = keys - queries; query < keys; query++) {
                            assertThat(causal.allows(head, query, 4))
                                    .isEqualTo(query >= 4 && layout.allows(head, query, 4));
                        }
                    }
                }
            }
        }
    }

    @Test
    void aLayoutIsWhatItsTensorSays() {
        BlockLayout layout = random(3, 7, 2, 2);
        BlockLayout again = BlockLayout.of(3, layout.toTensor(2));
        assertThat(again.toTensor(5).toBooleans()).isEqualTo(layout.toTensor(5).toBooleans());
        assertThat(layout.toTensor(3).shape().toArray()).containsExactly(3, 7, 7);
        assertThat(again.heads()).isEqualTo(2);
        assertThat(again.blocks()).isEqualTo(7);
        assertThat(again.block()).isEqualTo(3);
        for (int i = 0; i < 21; i++) {
            for (int j = 0; j < 21; j++) {
                assertThat(again.allows(1, i, j)).isEqualTo(layout.joins(1, i / 3, j / 3));
            }
        }
    }

    @Test
    void layoutsAreValues() {
        BlockLayout layout = random(3, 7, 2, 2);
        BlockLayout again = BlockLayout.of(3, layout.toTensor(2));
        assertThat(again).isEqualTo(layout).hasSameHashCodeAs(layout);
        assertThat(again.and(Patterns.causal())).isEqualTo(layout.and(Patterns.causal()));
        assertThat(again.startingAt(1)).isNotEqualTo(layout);
        assertThat(BlockLayout.of(4, layout.toTensor(2))).isNotEqualTo(layout);
        assertThat(BlockLayout.of(3, layout.toTensor(1))).isNotEqualTo(layout);
        assertThat(layout).hasToString("BlockLayout[2 heads of 7 blocks of 3 tokens]");
    }

    @Test
    void tokensOutsideTheBlocksSeeNothingAndAreNotSeen() {
        BlockLayout layout = random(4, 3, 1, 1);
        assertThat(layout.allows(0, 11, 11)).isTrue();
        assertThat(layout.allows(0, 12, 0)).isFalse();
        assertThat(layout.allows(0, 0, 12)).isFalse();
        assertThat(layout.allows(0, -1, 0)).isFalse();
        assertThat(layout.pairs(0, 50, 50)).isEqualTo(144);
        assertThat(layout.startingAt(2).allows(0, 1, 5)).isFalse();
        assertThat(layout.startingAt(2).allows(0, 13, 2)).isTrue();
    }

    @Test
    void factorisedStepsAreThoseOfThePaper() {
        int l = 5;
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 40; j++) {
                boolean near = i - l < j && j <= i;
                boolean far = j <= i && (i - j) % l == 0;
                boolean own = j <= i && j / l == i / l;
                boolean last = j <= i && j % l >= l - 2;
                assertThat(Patterns.strided(l).allows(0, i, j)).isEqualTo(near || far);
                assertThat(Patterns.fixed(l, 2, 1).allows(0, i, j)).isEqualTo(own || last);
                boolean second = j <= i && j % l >= l - 4 && j % l < l - 2;
                assertThat(Patterns.fixed(l, 2, 2).allows(3, i, j)).isEqualTo(own || second);
            }
        }
    }

    @Test
    void strideBeyondTheSequenceIsCausal() {
        for (int n = 1; n <= 20; n++) {
            assertThat(Patterns.strided(20).pairs(n)).isEqualTo(Patterns.causal().pairs(n));
            assertThat(Patterns.fixed(20, 1, 1).pairs(n)).isEqualTo(Patterns.causal().pairs(n));
        }
    }

    @Test
    void twoLayersReachEveryEarlierToken() {
        for (int n = 1; n < 50; n += 3) {
            for (int l = 1; l < 9; l++) {
                assertThat(Reach.of(Patterns.strided(l), 0, n, 2).isCausallyFull()).as("l=%d n=%d", l, n).isTrue();
                assertThat(Reach.of(Patterns.fixed(l, 1, 1), 0, n, 2).isCausallyFull()).as("l=%d n=%d", l, n).isTrue();
                Reach near = Reach.of(Patterns.window(l - 1, 0), 0, n, 1);
                Reach far = Reach.of(new Window(Window.UNLIMITED, 0, l), 0, n, 1);
                assertThat(near.after(far).isCausallyFull()).as("interleaved, l=%d n=%d", l, n).isTrue();
                assertThat(Reach.of(Patterns.strided(l), 0, n, 2).pairs()).isEqualTo(n * (n + 1L) / 2);
            }
        }
    }

    @Test
    void segmentsNeverConnect() {
        Reach reach = Reach.of(new Segments(6), 0, 40, 9);
        assertThat(reach.pairs()).isEqualTo(new Segments(6).pairs(40));
    }

    @Test
    void everyHeadHasThePatternOfItsTurn() {
        AttentionPattern pattern = Patterns.perHead(Patterns.causal(), Patterns.local(2), new Segments(3));
        assertThat(pattern.pairs(4, 9, 9)).isEqualTo(Patterns.local(2).pairs(9));
        assertThat(pattern.keys(5, 4, 5)).isEqualTo(KeyRanges.of(3, 6));
        assertThat(pattern.tile(0, 0, 3, 4, 6)).isEqualTo(Tile.EMPTY);
    }

    @Test
    void badSizesAreRefused() {
        refused(() -> new Segments(0), "segment: 0");
        refused(() -> new SummaryColumns(0, 1, 1), "stride: 0");
        refused(() -> new SummaryColumns(4, 0, 1), "0 columns");
        refused(() -> new SummaryColumns(4, 2, 3), "use 1 to 1");
        refused(() -> new SummaryColumns(4, 2, 0), "groups: 0");
        refused(() -> new LeadingTokens(-1), "global_tokens: -1");
        refused(() -> Patterns.strided(0), "stride: 0");
        refused(Patterns::perHead, "patterns: none");
        refused(() -> BlockLayout.of(0, List.<BitSet[]>of(new BitSet[0])), "block: 0");
        refused(() -> BlockLayout.of(2, List.of()), "heads of the layout: 0");
        BitSet beyond = new BitSet();
        beyond.set(1);
        refused(() -> BlockLayout.of(2, List.<BitSet[]>of(new BitSet[] {beyond})), "1 by 1");
        refused(
                () ->
                        BlockLayout.of(
                                2, List.of(new BitSet[] {new BitSet()}, new BitSet[] {new BitSet(), new BitSet()})),
                "1 by 1");
        refused(() -> random(3, 3, 1, 1).startingAt(-1), "position -1");
        assertThatThrownBy(() -> BlockLayout.of(2, Tensor.zeros(DType.BOOL, 1, 2, 3)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("block_layout");
        assertThatThrownBy(() -> BlockLayout.of(2, Tensor.zeros(DType.F32, 1, 2, 2)))
                .isInstanceOf(ShapeException.class);
    }

    private static void refused(Runnable making, String message) {
        assertThatThrownBy(making::run).isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }
}
