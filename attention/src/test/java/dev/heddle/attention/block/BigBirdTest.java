package dev.heddle.attention.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.LeadingTokens;
import dev.heddle.attention.pattern.Reach;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// BigBird's blocks, its random plan, and its core.
class BigBirdTest {
    private static BigBirdAdjacency internal(int random) {
        return new BigBirdAdjacency(3, random, List.of(0, -1), true);
    }

    private static BigBirdAdjacency extended(int random) {
        return new BigBirdAdjacency(3, random, List.of(), false);
    }

    private static BlockLayout layout(BigBirdAdjacency adjacency, int block, int blocks) {
        return adjacency.layout(block, blocks, adjacency.draw(2, blocks, Seed.of(blocks)));
    }

    @Test
    void blockPairsHaveTheClosedForm() {
        for (int r = 0; r <= 3; r++) {
            for (int nb = 5 + r; nb <= 20; nb++) {
                for (int b = 1; b <= 3; b++) {
                    long blocks = 2L * nb + 2L * (4 + r) + (nb - 4) * (5L + r);
                    assertThat(layout(internal(r), b, nb).pairs(1, nb * b, nb * b)).isEqualTo(blocks * b * b);
                }
            }
        }
    }

    @Test
    void extendedPairsHaveTheClosedForm() {
        for (int g = 0; g <= 4; g++) {
            for (int r = 0; r <= 2; r++) {
                for (int nb = 3 + r; nb <= 9; nb++) {
                    int b = 3;
                    int n = nb * b;
                    AttentionPattern pattern = new LeadingTokens(g).or(layout(extended(r), b, nb).startingAt(g));
                    long expected = 2L * g * n + (long) g * g + (long) b * b * (nb * (3L + r) - 2);
                    assertThat(pattern.pairs(1, g + n, g + n)).as("g=%d r=%d nb=%d", g, r, nb).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void rowsAreGlobalWindowAndRandomBlocks() {
        int nb = 13;
        RandomBlocks random = internal(2).draw(3, nb, Seed.of(1));
        BlockLayout layout = internal(2).layout(1, nb, random);
        for (int head = 0; head < 3; head++) {
            for (int row = 0; row < nb; row++) {
                for (int column = 0; column < nb; column++) {
                    int chosen = column;
                    boolean outer = row == 0 || row == nb - 1 || column == 0 || column == nb - 1;
                    assertThat(layout.joins(head, row, column))
                            .isEqualTo(
                                    outer
                                            || Math.abs(row - column) <= 1
                                            || random.row(head, row - 1).anyMatch(block -> block == chosen));
                }
            }
        }
    }

    @Test
    void thePlanDrawsOnlyBlocksThatARowDoesNotSee() {
        for (int nb = 7; nb < 20; nb++) {
            RandomBlocks plan = internal(2).draw(4, nb, Seed.of(nb));
            assertThat(plan.rows()).isEqualTo(nb - 2);
            for (int head = 0; head < 4; head++) {
                for (int row = 0; row < nb - 2; row++) {
                    int own = row + 1;
                    int last = nb - 1;
                    assertThat(plan.row(head, row).distinct().toArray()).hasSize(2);
                    assertThat(plan.row(head, row))
                            .allMatch(block -> block > 0 && block < last && Math.abs(block - own) > 1);
                }
            }
        }
    }

    @Test
    void fewBlocksAreFullAttention() {
        for (int nb = 1; nb <= 4; nb++) {
            assertThat(layout(internal(0), 2, nb).pairs(0, 2 * nb, 2 * nb)).isEqualTo(4L * nb * nb);
        }
        assertThat(layout(internal(0), 2, 5).pairs(0, 10, 10)).isLessThan(100);
    }

    @Test
    void asManyRandomBlocksAsFitMakeTheMiddleRowsFull() {
        int nb = 9;
        BlockLayout layout = layout(internal(nb - 5), 1, nb);
        for (int row = 0; row < nb; row++) {
            int own = row;
            long seen = IntStream.range(0, nb).filter(column -> layout.joins(0, own, column)).count();
            assertThat(seen).isEqualTo(row == 1 || row == nb - 2 ? nb - 1 : nb);
        }
    }

    @Test
    void twoLayersConnectAll() {
        for (int nb = 6; nb < 12; nb++) {
            assertThat(Reach.of(layout(internal(1), 2, nb), 0, 2 * nb, 2).isFull()).isTrue();
            assertThat(Reach.of(layout(internal(1), 2, nb), 0, 2 * nb, 1).isFull()).isFalse();
            AttentionPattern etc = new LeadingTokens(1).or(layout(extended(1), 2, nb).startingAt(1));
            assertThat(Reach.of(etc, 1, 2 * nb + 1, 2).isFull()).isTrue();
        }
    }

    @Test
    void bigBirdIsBlockSparseWithItsLayout() {
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            PatternSubject bigBird =
                    Cores.core(
                            "bigbird",
                            "{\"num_heads\": 2, \"head_dim\": 5, \"block_size\": 7, \"num_rand_blocks\": 1}");
            Map<String, Tensor> inputs = Cores.inputs(dtype, 3, 2, 91, 5);
            PatternSubject blocks =
                    Cores.core(
                            "block-sparse", "{\"num_heads\": 2, \"head_dim\": 5, \"block\": 7, \"layout\": \"user\"}");
            var withLayout = new LinkedHashMap<>(inputs);
            withLayout.put("block_layout", Cores.output(bigBird, inputs, "block_layout"));
            Map<String, Tensor> trace = Cores.trace(bigBird, inputs);
            assertThat(Cores.difference(trace, Cores.trace(blocks, withLayout))).isZero();
            Tensor mask = Cores.output(bigBird, inputs, "mask");
            assertThat(Cores.difference(trace, Cores.masked(inputs, mask)))
                    .isLessThan(dtype == DType.F64 ? Cores.DOUBLE : Cores.SINGLE);
        }
    }

    @Test
    void theExtendedCoreEqualsItsMask() {
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            PatternSubject core =
                    Cores.core(
                            "bigbird",
                            "{\"num_heads\": 2, \"head_dim\": 3, \"block_size\": 5, \"num_rand_blocks\": 2,"
                                    + " \"kind\": \"etc\", \"global_tokens\": 7}");
            Map<String, Tensor> inputs = Cores.inputs(dtype, 2, 2, 101, 3);
            Tensor mask = Cores.output(core, inputs, "mask");
            assertThat(Cores.difference(Cores.trace(core, inputs), Cores.masked(inputs, mask)))
                    .isLessThan(dtype == DType.F64 ? Cores.DOUBLE : Cores.SINGLE);
        }
    }

    @Test
    void paddedTokensChangeNoRealRowAndHaveZeroRows() {
        PatternSubject core =
                Cores.core("bigbird", "{\"num_heads\": 2, \"head_dim\": 3, \"block_size\": 4, \"num_rand_blocks\": 1}");
        int n = 32;
        int real = 27;
        boolean[] mask = new boolean[n];
        Arrays.fill(mask, 0, real, true);
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 2, n, 3);
        inputs.put("key_mask", Tensor.of(mask, 1, n));
        Tensor y = Cores.output(core, inputs, "y");
        Map<String, Tensor> other = new LinkedHashMap<>(inputs);
        for (String name : List.of("k", "v", "q")) {
            double[] values = inputs.get(name).toDoubles();
            for (int i = 0; i < values.length; i++) {
                values[i] = i / 3 % n < real ? values[i] : 1e3 + i;
            }
            other.put(name, Tensor.of(values, 1, 2, n, 3));
        }
        assertThat(Cores.output(core, other, "y").toDoubles()).isEqualTo(y.toDoubles());
        for (int i = 0; i < y.elements(); i++) {
            assertThat(y.at(i) == 0).isEqualTo(i / 3 % n >= real);
        }
    }

    @Test
    void paddingUpIsTheSameAsPaddingByMask() {
        PatternSubject core =
                Cores.core(
                        "bigbird",
                        "{\"num_heads\": 2, \"head_dim\": 3, \"block_size\": 4, \"num_rand_blocks\": 1, \"seed\": 6}");
        for (int real : new int[] {27, 9, 1}) {
            int n = real == 27 ? 28 : 24;
            Map<String, Tensor> padded = Cores.inputs(DType.F64, 2, 2, n, 3);
            Map<String, Tensor> inputs = new LinkedHashMap<>();
            padded.forEach((name, x) -> inputs.put(name, Layout.slice(x, 2, 0, real)));
            boolean[] mask = new boolean[2 * n];
            for (int i = 0; i < mask.length; i++) {
                mask[i] = i % n < real;
            }
            padded.put("key_mask", Tensor.of(mask, 2, n));
            Tensor y = Layout.slice(Cores.output(core, padded, "y"), 2, 0, real);
            assertThat(Cores.difference(Cores.output(core, inputs, "y"), y)).isLessThan(Cores.DOUBLE);
        }
    }

    @Test
    void theSeedOfTheConfigurationDecidesThePlan() {
        String base = "{\"num_heads\": 2, \"head_dim\": 3, \"block_size\": 2, \"num_rand_blocks\": 2, \"seed\": ";
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 2, 40, 3);
        boolean[] one = Cores.output(Cores.core("bigbird", base + "1}"), inputs, "mask").toBooleans();
        boolean[] again = Cores.output(Cores.core("bigbird", base + "1}"), inputs, "mask").toBooleans();
        boolean[] two = Cores.output(Cores.core("bigbird", base + "2}"), inputs, "mask").toBooleans();
        assertThat(again).isEqualTo(one);
        assertThat(two).isNotEqualTo(one);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'causal': true|causal",
                "'kind': 'other'|'other' is not known",
                "'attention_type': 'original_full'|mha",
                "'block_size': 0|block_size: 0",
                "'window_blocks': 0|window_blocks 0",
                "'num_rand_blocks': -1|num_rand_blocks -1",
                "'global_tokens': 3|global_tokens: 3",
                "'kind': 'etc', 'global_tokens': -3|global_tokens: -3",
                "'kind': 'etc', 'global_blocks': [0]|global_blocks: [0]",
                "'num_heads': 0|num_heads 0",
                "'strict': true, 'block_size': 3|no whole number of blocks of 3",
                "'strict': true, 'block_size': 4, 'num_rand_blocks': 1|random blocks: 1 asked for in row 1, where 0",
                "'strict': true, 'block_size': 4, 'num_rand_blocks': 0, 'global_blocks': [7]|global_blocks: 7 of 5"
            })
    void badConfigurationsAreRefused(String settings, String message) {
        String heads = settings.contains("num_heads") ? "" : "'num_heads': 2, ";
        String json = ("{" + heads + "'head_dim': 3, " + settings + "}").replace('\'', '"');
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 2, 20, 3);
        assertThatThrownBy(() -> Cores.output(Cores.core("bigbird", json), inputs, "y"))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }

    @Test
    void badPlansAreRefused() {
        PatternSubject core =
                Cores.core("bigbird", "{\"num_heads\": 1, \"head_dim\": 3, \"block_size\": 2, \"num_rand_blocks\": 1}");
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 1, 8, 3);
        inputs.put("rand_blocks", Tensor.of(new int[] {0, 4}, 1, 2, 1));
        assertThatThrownBy(() -> Cores.output(core, inputs, "y"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("block 4 in row 1; use 0 to 3");
        inputs.put("rand_blocks", Tensor.of(new int[] {0, 1, 2}, 1, 3, 1));
        assertThatThrownBy(() -> Cores.output(core, inputs, "y"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("3 rows for 4 blocks; 2 are needed");
        inputs.put("rand_blocks", Tensor.of(new int[] {0, 0}, 1, 2, 1));
        assertThat(Cores.output(core, inputs, "pairs").toInts()).containsExactly(64);
    }
}
