package dev.heddle.attention.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Reach;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Every layout against its definition, block by block.
class BlockRuleTest {
    private static final int HEADS = 5;

    @FunctionalInterface
    private interface Definition {
        boolean joins(int head, int row, int column);
    }

    private static void isDefinedBy(BlockRule rule, int blocks, RandomBlocks random, Definition definition) {
        BlockLayout layout = rule.layout(1, blocks, HEADS, random);
        for (int head = 0; head < HEADS; head++) {
            for (int row = 0; row < blocks; row++) {
                for (int column = 0; column < blocks; column++) {
                    assertThat(layout.joins(head, row, column))
                            .as("%s, %d blocks, head %d, (%d, %d)", rule, blocks, head, row, column)
                            .isEqualTo(definition.joins(head, row, column));
                }
            }
        }
    }

    @Test
    void denseJoinsAll() {
        isDefinedBy(new BlockRule.Dense(), 4, RandomBlocks.none(4), (_, _, _) -> true);
    }

    @Test
    void fixedHasWindowsAndGlobalBlocksInEachOfThem() {
        for (int local = 1; local <= 6; local++) {
            for (int global : divisors(local)) {
                for (int patterns = 1; patterns <= local / global; patterns++) {
                    for (int flags = 0; flags < 3; flags++) {
                        for (int blocks = global; blocks <= 14; blocks++) {
                            fixedIsDefined(local, global, patterns, flags == 1, flags == 2, blocks);
                        }
                    }
                }
            }
        }
    }

    private static int[] divisors(int n) {
        return IntStream.rangeClosed(1, n).filter(d -> n % d == 0).toArray();
    }

    private static void fixedIsDefined(
            int local, int global, int patterns, boolean horizontal, boolean back, int blocks) {
        isDefinedBy(
                new BlockRule.Fixed(local, global, patterns, horizontal, back),
                blocks,
                RandomBlocks.none(blocks),
                (head, row, column) -> {
                    boolean joined = row / local == column / local && (!back || column <= row);
                    int end = blocks / local * local;
                    int place = local - (1 + head % patterns) * global;
                    for (int start = 0; start < blocks; start += local) {
                        int t = start < end ? start + place : Math.min(end + place, blocks - global);
                        joined |= column >= t && column < t + global && row >= (back ? t : 0);
                        joined |= horizontal && row >= t && row < t + global;
                    }
                    return joined;
                });
    }

    @Test
    void fixedWithoutGlobalBlocksIsLocal() {
        isDefinedBy(
                new BlockRule.Fixed(3, 0, 1, false, false),
                10,
                RandomBlocks.none(10),
                (_, row, column) -> row / 3 == column / 3);
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true"})
    void variableHasWindowsOfItsSizesAndRepeatsTheLast(boolean horizontal, boolean back) {
        List<BlockRange> globals = List.of(new BlockRange(0, 1), new BlockRange(5, 8), new BlockRange(20, 25));
        int[] windowOf = {0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5};
        for (int blocks = 1; blocks <= windowOf.length; blocks++) {
            isDefinedBy(
                    new BlockRule.Variable(List.of(1, 2, 3), globals, 0, horizontal, back),
                    blocks,
                    RandomBlocks.none(blocks),
                    (_, row, column) -> {
                        boolean joined = windowOf[row] == windowOf[column] && (!back || column <= row);
                        joined |= column == 0;
                        joined |= column >= 5 && column < 8 && (!back || row >= 5);
                        return joined || (horizontal && (row == 0 || (row >= 5 && row < 8)));
                    });
        }
    }

    @Test
    void variableDrawsFromAllBlocksEvenWhenUnidirectional() {
        BlockRule rule = new BlockRule.Variable(List.of(1), List.of(), 2, false, true);
        RandomBlocks random = rule.draw(HEADS, 9, Seed.of(1));
        isDefinedBy(
                rule,
                9,
                random,
                (head, row, column) -> row == column || random.row(head, row).anyMatch(block -> block == column));
        assertThat(IntStream.range(0, 9).anyMatch(row -> random.row(0, row).anyMatch(block -> block > row))).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"0, 1, 0", "1, 3, 1", "2, 4, 2", "3, 7, 0"})
    void bigBirdIsWindowGlobalAndRandom(int drawn, int window, int global) {
        for (int blocks = Math.max(window, drawn); blocks <= 12; blocks++) {
            BlockRule rule = new BlockRule.BigBird(drawn, window, global, false);
            RandomBlocks random = rule.draw(HEADS, blocks, Seed.of(blocks));
            isDefinedBy(
                    rule,
                    blocks,
                    random,
                    (head, row, column) ->
                            Math.abs(row - column) <= window / 2
                                    || row < global
                                    || column < global
                                    || random.row(head, row).anyMatch(block -> block == column));
        }
    }

    @Test
    void unidirectionalBigBirdIsALowerTriangle() {
        BlockRule rule = new BlockRule.BigBird(1, 3, 2, true);
        RandomBlocks random = rule.draw(HEADS, 11, Seed.of(2));
        isDefinedBy(
                rule,
                11,
                random,
                (head, row, column) ->
                        column <= row
                                && (row - column <= 1
                                        || row < 2
                                        || column < 2
                                        || random.row(head, row).anyMatch(block -> block == column)));
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void longformerIsWindowAndGlobals(boolean back) {
        List<BlockRange> globals = List.of(new BlockRange(0, 1), new BlockRange(4, 6), new BlockRange(30, 31));
        for (int blocks = 5; blocks <= 12; blocks++) {
            isDefinedBy(
                    new BlockRule.Longformer(5, globals, back),
                    blocks,
                    RandomBlocks.none(blocks),
                    (_, row, column) ->
                            (!back || column <= row)
                                    && (Math.abs(row - column) <= 2 || isGlobal(row) || isGlobal(column)));
        }
    }

    private static boolean isGlobal(int block) {
        return block == 0 || block == 4 || block == 5;
    }

    @Test
    void anEvenWindowIsAsWideAsTheNextOddOne() {
        for (int width = 2; width <= 6; width += 2) {
            for (boolean back : new boolean[] {false, true}) {
                int half = width / 2;
                Definition window = (_, row, column) -> Math.abs(row - column) <= half && (!back || column <= row);
                isDefinedBy(new BlockRule.Sliding(width, back), 9, RandomBlocks.none(9), window);
                isDefinedBy(new BlockRule.Sliding(width + 1, back), 9, RandomBlocks.none(9), window);
            }
        }
    }

    @Test
    void slidingLayersReachTheirWidthOnceALayer() {
        BlockLayout layout = new BlockRule.Sliding(3, true).layout(4, 10, 1, RandomBlocks.none(10));
        for (int layers = 1; layers <= 4; layers++) {
            Reach reach = Reach.of(layout, 0, 40, layers);
            for (int i = 0; i < 40; i++) {
                for (int j = 0; j < 40; j++) {
                    int distance = i / 4 - j / 4;
                    assertThat(reach.reaches(i, j)).isEqualTo(distance >= 0 && distance <= layers);
                }
            }
        }
    }

    @Test
    void oneGlobalBlockConnectsAllInTwoLayers() {
        for (BlockRule rule :
                List.of(
                        new BlockRule.BigBird(0, 1, 1, false),
                        new BlockRule.Longformer(1, List.of(new BlockRange(3, 4)), false))) {
            BlockLayout layout = rule.layout(2, 9, 1, RandomBlocks.none(9));
            assertThat(Reach.of(layout, 0, 18, 1).isFull()).isFalse();
            assertThat(Reach.of(layout, 0, 18, 2).isFull()).isTrue();
        }
    }

    @Test
    void drawsRepeatNoBlockAndFollowTheSeed() {
        BlockRule rule = new BlockRule.BigBird(4, 3, 1, false);
        RandomBlocks drawn = rule.draw(3, 7, Seed.of(9));
        for (int head = 0; head < 3; head++) {
            for (int row = 0; row < 7; row++) {
                assertThat(drawn.row(head, row).distinct().filter(block -> block >= 0 && block < 7)).hasSize(4);
            }
        }
        assertThat(rule.draw(3, 7, Seed.of(9)).toTensor().toInts()).isEqualTo(drawn.toTensor().toInts());
        assertThat(rule.draw(3, 7, Seed.of(8)).toTensor().toInts()).isNotEqualTo(drawn.toTensor().toInts());
        assertThat(drawn.row(0, 0).toArray()).isNotEqualTo(drawn.row(1, 0).toArray());
        assertThat(rule.draw(1, 4, Seed.of(3)).row(0, 2).sorted()).containsExactly(0, 1, 2, 3);
    }

    @Test
    void unidirectionalDrawsAreNotInTheFuture() {
        RandomBlocks drawn = new BlockRule.BigBird(1, 3, 1, true).draw(2, 30, Seed.of(4));
        for (int row = 0; row < 30; row++) {
            int last = row;
            assertThat(drawn.row(1, row)).allMatch(block -> block <= last);
        }
    }

    @Test
    void givenColumnsMayRepeatAndCountOnce() {
        BlockRule rule = new BlockRule.BigBird(2, 1, 0, false);
        Tensor given = Tensor.of(new int[] {2, 2, 0, 1, 2, 2}, 1, 3, 2);
        BlockLayout layout = rule.layout(3, 3, 1, RandomBlocks.given(given, 2));
        assertThat(layout.pairs(0, 9, 9)).isEqualTo(9 * (2 + 2 + 1));
    }

    @Test
    void headsShareALayoutUnlessToldOtherwise() {
        Map<String, Tensor> none = Map.of();
        String layout = "\"layout\": \"bigbird\", \"num_heads\": 3, \"block\": 2, \"seq_len\": 24";
        Subject subject =
                Cores.subject(
                        "block-sparse",
                        "{\"layouts\": {\"shared\": {"
                                + layout
                                + "}, \"own\": {"
                                + layout
                                + ", \"different_layout_per_head\": true}}}");
        boolean[] shared = Cores.output(subject, none, "layout.shared").toBooleans();
        boolean[] own = Cores.output(subject, none, "layout.own").toBooleans();
        assertThat(head(shared, 1)).isEqualTo(head(shared, 0));
        assertThat(head(own, 1)).isNotEqualTo(head(own, 0));
    }

    private static boolean[] head(boolean[] layout, int head) {
        return Arrays.copyOfRange(layout, head * 144, (head + 1) * 144);
    }

    @Test
    void badRulesAreRefused() {
        refused(() -> new BlockRule.Fixed(5, 2, 1, false, false), "num_local_blocks: 5");
        refused(() -> new BlockRule.Fixed(4, 2, 3, false, false), "num_different_global_patterns: 3");
        refused(() -> new BlockRule.Fixed(4, 1, 1, true, true), "horizontal_global_attention");
        refused(() -> new BlockRule.Fixed(0, 1, 1, false, false), "num_local_blocks: 0");
        refused(() -> new BlockRule.Fixed(4, -1, 1, false, false), "num_global_blocks: -1");
        refused(() -> new BlockRule.Variable(List.of(), List.of(), 0, false, false), "local_window_blocks");
        refused(() -> new BlockRule.Variable(List.of(2, 0), List.of(), 0, false, false), "local_window_blocks: 0");
        refused(() -> new BlockRule.Variable(List.of(2), List.of(), 0, true, true), "horizontal_global_attention");
        refused(() -> new BlockRule.BigBird(2, 3, 1, true), "num_random_blocks: 2");
        refused(() -> new BlockRule.BigBird(0, 0, 1, true), "num_sliding_window_blocks: 0");
        refused(() -> new BlockRule.Longformer(0, List.of(), true), "num_sliding_window_blocks: 0");
        refused(() -> new BlockRule.Sliding(0, true), "num_sliding_window_blocks: 0");
        refused(() -> new BlockRange(3, 3), "3 to 3");
        refused(() -> new BlockRange(-1, 3), "-1 to 3");
    }

    @Test
    void sequencesWithTooFewBlocksAreRefused() {
        refused(() -> layout(new BlockRule.BigBird(0, 3, 1, false), 2), "use 3 or more");
        refused(() -> layout(new BlockRule.BigBird(0, 3, 5, false), 4), "use 5 or more");
        refused(() -> layout(new BlockRule.Longformer(5, List.of(), false), 4), "use 5 or more");
        refused(() -> layout(new BlockRule.Sliding(5, true), 4), "use 5 or more");
        refused(() -> layout(new BlockRule.Fixed(4, 2, 1, false, false), 1), "use 2 or more");
        refused(() -> new BlockRule.BigBird(4, 3, 1, false).draw(1, 3, Seed.of(1)), "4 asked for in row 0, where 3");
    }

    private static BlockLayout layout(BlockRule rule, int blocks) {
        return rule.layout(1, blocks, 1, RandomBlocks.none(blocks));
    }

    @Test
    void badRandomColumnsAreRefused() {
        BlockRule rule = new BlockRule.BigBird(1, 1, 0, true);
        assertThatThrownBy(() -> rule.layout(1, 2, 1, RandomBlocks.given(Tensor.of(new int[] {1, 0}, 1, 2, 1), 1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("block 1 in row 0; use 0 to 0");
        assertThatThrownBy(() -> rule.layout(1, 3, 1, RandomBlocks.given(Tensor.of(new int[] {0, 0}, 1, 2, 1), 1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("rows for 2 blocks");
        assertThatThrownBy(() -> RandomBlocks.given(Tensor.of(new int[] {0, 0}, 1, 1, 2), 1))
                .isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> RandomBlocks.given(Tensor.zeros(DType.F32, 1, 2, 1), 1))
                .isInstanceOf(ShapeException.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'layout': 'spiral'|'spiral' is not known",
                "'attention': 'sideways'|'sideways' is not known",
                "'layout': 'user'|makes none",
                "'seq_len': 33|33 is no multiple of block 4",
                "'seq_len': 1000000000|more than can be written out",
                "'layout': 'variable', 'global_block_indices': [null]|without null",
                "'num_different_global_patterns': 2|different_layout_per_head",
                "'layout': 'bslongformer', 'global_block_end_indices': [3, 4]|2 for 1",
                "'layout': 'bslongformer', 'global_block_end_indices': [0]|0 to 0",
                "'layout': 'variable', 'global_block_indices': ['x']|no whole number",
                "'layout': 'bigbird', 'num_random_blocks': 9|9 asked for",
                "'layout': 'sliding', 'num_sliding_window_blocks': 9|use 9 or more",
                "'num_head': 2|num_heads"
            })
    void badLayoutConfigurationsAreRefused(String settings, String message) {
        String base = settings.contains("seq_len") ? "" : "'seq_len': 32, ";
        String heads = settings.contains("num_head'") ? "" : "'num_heads': 2, ";
        String json = ("{'layouts': {'it': {" + base + heads + "'block': 4, " + settings + "}}}").replace('\'', '"');
        assertThatThrownBy(() -> Cores.output(Cores.subject("block-sparse", json), Map.of(), "layout.it"))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }

    private static void refused(Runnable making, String message) {
        assertThatThrownBy(making::run).isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }

    @Test
    void causalCutsWhatUnidirectionalLayoutsHaveAboveTheDiagonal() {
        BlockRule rule = new BlockRule.Variable(List.of(2), List.of(new BlockRange(1, 4)), 0, false, true);
        BlockLayout layout = rule.layout(3, 6, 1, RandomBlocks.none(6));
        assertThat(layout.joins(0, 1, 3)).isTrue();
        assertThat(layout.and(Patterns.causal()).allows(0, 5, 9)).isFalse();
    }
}
