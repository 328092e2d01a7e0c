package dev.heddle.attention.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.attention.AttentionSpec;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The laws of the block-sparse core and of the Sparse Transformer's.
class PatternCoreTest {
    private static final List<String> CORES =
            List.of(
                    "block-sparse {'layout': 'fixed', 'attention': 'unidirectional', 'causal': true, 'block': 16}",
                    "block-sparse {'layout': 'bigbird', 'block': 7, 'different_layout_per_head': true}",
                    "block-sparse {'layout': 'bslongformer', 'block': 5, 'global_block_indices': [3]}",
                    "block-sparse {'layout': 'sliding', 'block': 33, 'causal': true}",
                    "block-sparse {'layout': 'user', 'block': 11}",
                    "sparse-transformer {'stride': 12}",
                    "sparse-transformer {'stride': 70, 'combine': 'per_head'}",
                    "sparse-transformer {'pattern': 'fixed', 'stride': 13, 'c': 3}",
                    "sparse-transformer {'pattern': 'fixed', 'stride': 90, 'c': 20, 'num_verts': 3}",
                    "sparse-transformer {'pattern': 'fixed', 'stride': 24, 'block_size': 4, 'combine': 'per_head'}");

    private static PatternSubject core(String line) {
        int space = line.indexOf(' ');
        String json = line.substring(space + 1).replace('\'', '"');
        String sizes = (json.contains("num_heads") ? "{" : "{\"num_heads\": 3, ") + "\"head_dim\": 5, ";
        return Cores.core(line.substring(0, space), sizes + json.substring(1));
    }

    static List<String> cores() {
        return CORES;
    }

    @ParameterizedTest
    @MethodSource("cores")
    void theKernelUnderAPatternEqualsTheKernelUnderItsMask(String line) {
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            for (int length : new int[] {1, 7, 67, 211}) {
                PatternSubject core = core(line);
                Map<String, Tensor> operands = Cores.inputs(dtype, 2, 3, length, 5);
                Map<String, Tensor> inputs = new LinkedHashMap<>(operands);
                core.sampleInputs(2, length, dtype, Seed.of(1))
                        .forEach(
                                (name, input) -> {
                                    if (name.equals("block_layout")) {
                                        inputs.put(name, input);
                                    }
                                });
                Tensor mask = PatternSubject.mask(core.pattern(length), 3, length);
                assertThat(Cores.difference(Cores.trace(core, inputs), Cores.masked(operands, mask)))
                        .as("%s, %s, %d tokens", line, dtype, length)
                        .isLessThan(dtype == DType.F64 ? Cores.DOUBLE : Cores.SINGLE);
            }
        }
    }

    @Test
    void denseIsFullAttention() {
        PatternSubject core = core("block-sparse {'layout': 'dense', 'block': 8}");
        PatternSubject causal = core("block-sparse {'layout': 'dense', 'block': 8, 'causal': true}");
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 2, 3, 29, 5);
        assertThat(Cores.difference(Cores.output(core, inputs, "y"), attend(inputs, Patterns.full()))).isZero();
        assertThat(Cores.difference(Cores.output(causal, inputs, "y"), attend(inputs, Patterns.causal()))).isZero();
    }

    private static Tensor attend(Map<String, Tensor> inputs, AttentionPattern pattern) {
        AttentionOptions options = AttentionOptions.of(pattern).laidOut(AttentionOptions.Layout.HEAD_MAJOR);
        return ScaledDotProduct.attend(inputs.get("q"), inputs.get("k"), inputs.get("v"), options).y();
    }

    @Test
    void emptyRowsHaveNoOutputAndNoGradient() {
        PatternSubject core = core("block-sparse {'layout': 'user', 'block': 4, 'num_heads': 2}");
        int nb = 5;
        boolean[] layout = new boolean[2 * nb * nb];
        Arrays.fill(layout, true);
        Arrays.fill(layout, nb, 2 * nb, false);
        Arrays.fill(layout, nb * nb, layout.length, false);
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            Map<String, Tensor> inputs = Cores.inputs(dtype, 1, 2, 20, 5);
            inputs.put("block_layout", Tensor.of(layout, 2, nb, nb));
            Map<String, Tensor> trace = Cores.trace(core, inputs);
            for (int h = 0; h < 2; h++) {
                for (int i = 0; i < 20; i++) {
                    boolean dead = h == 1 || i / 4 == 1;
                    assertThat(isZero(trace.get("y"), h, i)).isEqualTo(dead);
                    assertThat(isZero(trace.get("grad.q"), h, i)).isEqualTo(dead);
                    assertThat(isZero(trace.get("grad.k"), h, i)).isEqualTo(h == 1);
                    assertThat(isZero(trace.get("grad.v"), h, i)).isEqualTo(h == 1);
                }
            }
        }
    }

    private static boolean isZero(Tensor x, int head, int token) {
        double[] row = Layout.slice(Layout.slice(x, 1, head, head + 1), 2, token, token + 1).toDoubles();
        return Arrays.stream(row).allMatch(value -> value == 0);
    }

    @Test
    void permutingHeadsPermutesOutputs() {
        PatternSubject core = core("block-sparse {'layout': 'user', 'block': 3, 'num_heads': 3}");
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 2, 3, 21, 5);
        inputs.put("block_layout", core.sampleInputs(1, 21, DType.F64, Seed.of(2)).get("block_layout"));
        Map<String, Tensor> permuted = new LinkedHashMap<>();
        inputs.forEach((name, input) -> permuted.put(name, rotate(input, name.equals("block_layout") ? 0 : 1)));
        assertThat(Cores.difference(Cores.output(core, permuted, "y"), rotate(Cores.output(core, inputs, "y"), 1)))
                .isZero();
    }

    private static Tensor rotate(Tensor x, int axis) {
        if (x.dtype() == DType.BOOL) {
            boolean[] values = x.toBooleans();
            boolean[] rotated = new boolean[values.length];
            int head = values.length / 3;
            System.arraycopy(values, head, rotated, 0, 2 * head);
            System.arraycopy(values, 0, rotated, 2 * head, head);
            return Tensor.of(rotated, x.shape().toArray());
        }
        return Layout.concatenate(axis, Layout.slice(x, axis, 1, 3), Layout.slice(x, axis, 0, 1));
    }

    @Test
    void fixedUnidirectionalIsTheSparseTransformersFixed() {
        for (int b = 1; b <= 4; b++) {
            for (int local = 1; local <= 5; local++) {
                for (int patterns = 1; patterns <= local; patterns++) {
                    for (int nb = 1; nb <= 12; nb++) {
                        int n = nb * b;
                        AttentionPattern blocks =
                                new BlockRule.Fixed(local, 1, patterns, false, true)
                                        .layout(b, nb, patterns, RandomBlocks.none(nb))
                                        .and(Patterns.causal());
                        AttentionPattern columns = Patterns.fixed(local * b, b, patterns);
                        for (int head = 0; head < patterns + 1; head++) {
                            for (int i = 0; i < n; i++) {
                                for (int j = 0; j < n; j++) {
                                    assertThat(columns.allows(head, i, j)).isEqualTo(blocks.allows(head, i, j));
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test
    void blocksOfTheFixedPatternAreThoseOfItsDefinition() {
        PatternSubject core =
                core(
                        "sparse-transformer {'num_heads': 4, 'pattern': 'fixed', 'stride': 20, 'block_size': 4,"
                                + " 'num_verts': 2, 'vertsize': 2}");
        BlockLayout layout =
                BlockLayout.of(4, Cores.output(core, Cores.inputs(DType.F64, 1, 4, 47, 5), "block_layout"));
        assertThat(layout.blocks()).isEqualTo(12);
        for (int head = 0; head < 4; head++) {
            int low = 5 - (head % 2 + 1) * 2;
            for (int row = 0; row < 12; row++) {
                for (int column = 0; column < 12; column++) {
                    boolean summary = column % 5 >= low && column % 5 < low + 2;
                    assertThat(layout.joins(head, row, column))
                            .isEqualTo(column <= row && (row / 5 == column / 5 || summary));
                }
            }
        }
    }

    @Test
    void summaryBlocksAreCountedInColumnsOrInBlocks() {
        String line = "sparse-transformer {'pattern': 'fixed', 'stride': 20, 'block_size': 2, ";
        AttentionPattern four = Patterns.fixed(20, 4, 1);
        assertThat(core(line + "'c': 4}").pattern(9)).isEqualTo(four);
        assertThat(core(line + "'vertsize': 2}").pattern(9)).isEqualTo(four);
        assertThat(core(line + "'c': 4, 'vertsize': 2}").pattern(9)).isEqualTo(four);
        assertThat(core(line + "'c': 2}").pattern(9)).isEqualTo(Patterns.fixed(20, 2, 1));
    }

    @Test
    void mergedIsNotPerHead() {
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 3, 29, 5);
        Tensor merged = Cores.output(core("sparse-transformer {'stride': 5}"), inputs, "y");
        Tensor perHead = Cores.output(core("sparse-transformer {'stride': 5, 'combine': 'per_head'}"), inputs, "y");
        for (int head = 0; head < 3; head++) {
            assertThat(
                            Cores.difference(
                                    Layout.slice(merged, 1, head, head + 1), Layout.slice(perHead, 1, head, head + 1)))
                    .isGreaterThan(0.1);
        }
    }

    @Test
    void interleavedLayersTakeTheStepsInTurn() {
        String line = "sparse-transformer {'stride': 5, 'combine': 'interleaved', 'layer': ";
        assertThat(core(line + "0}").pattern(9)).isEqualTo(Patterns.window(4, 0));
        assertThat(core(line + "2}").pattern(9)).isEqualTo(Patterns.window(4, 0));
        assertThat(core(line + "1}").pattern(9)).isEqualTo(new Window(Window.UNLIMITED, 0, 5));
        assertThat(core("sparse-transformer {'stride': 5}").pattern(9)).isEqualTo(Patterns.strided(5));
    }

    @Test
    void stridedStepsAreLocalAndAtrousAttention() {
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 40; j++) {
                for (int l = 1; l < 9; l++) {
                    AttentionPattern steps =
                            core("sparse-transformer {'stride': " + l + ", 'combine': 'per_head'}").pattern(40);
                    assertThat(steps.allows(0, i, j))
                            .isEqualTo(Patterns.local(l - 1).and(Patterns.causal()).allows(0, i, j));
                    assertThat(steps.allows(1, i, j)).isEqualTo((i - j) % l == 0 && j <= i);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "sparse-transformer {'stride': 5}",
                "sparse-transformer {'stride': 5, 'combine': 'per_head'}",
                "sparse-transformer {'stride': 6, 'pattern': 'fixed', 'c': 2, 'num_verts': 3}",
                "block-sparse {'layout': 'fixed', 'attention': 'unidirectional', 'causal': true, 'block': 3}",
                "block-sparse {'layout': 'bigbird', 'causal': true, 'block': 2}"
            })
    void decodingTokenByTokenIsTheWholeSequence(String line) {
        PatternSubject core = core(line);
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            Map<String, Tensor> inputs = Cores.inputs(dtype, 2, 3, 31, 5);
            Tensor y = Cores.output(core, inputs, "y");
            for (Form form : List.of(Form.RECURRENT, Form.chunkwise(4), Form.chunkwise(40))) {
                assertThat(Cores.difference(core.run(inputs, form).get("y"), y))
                        .isLessThan(dtype == DType.F64 ? Cores.DOUBLE : Cores.SINGLE);
            }
        }
    }

    @Test
    void pairsAreCountedAfterTheKeyMaskBySequence() {
        PatternSubject core = core("block-sparse {'num_heads': 2, 'layout': 'dense', 'block': 3, 'causal': true}");
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 2, 2, 4, 5);
        assertThat(Cores.output(core, inputs, "pairs").toInts()).containsExactly(10, 10, 10, 10);
        inputs.put("key_mask", Tensor.of(new boolean[] {true, true, true, true, true, false, false, true}, 2, 4));
        assertThat(Cores.output(core, inputs, "pairs").toInts()).containsExactly(10, 10, 5, 5);
    }

    @Test
    void aPatternThatHeadsShareHasNoAxisOfHeads() {
        String shared = "sparse-transformer {'num_heads': 4, 'pattern': 'fixed', 'stride': 6, 'block_size': 2";
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 4, 10, 5);
        assertShapes(core(shared + "}"), inputs, Shape.of(5, 5), Shape.of(10, 10));
        assertShapes(core(shared + ", 'num_verts': 2}"), inputs, Shape.of(4, 5, 5), Shape.of(4, 10, 10));
    }

    private static void assertShapes(PatternSubject core, Map<String, Tensor> inputs, Shape layout, Shape mask) {
        assertThat(Cores.output(core, inputs, "block_layout").shape()).isEqualTo(layout);
        assertThat(Cores.output(core, inputs, "mask").shape()).isEqualTo(mask);
    }

    @Test
    void aSequenceWithTooFewBlocksIsPaddedUpToTheLayout() {
        PatternSubject core = core("block-sparse {'layout': 'sliding', 'num_sliding_window_blocks': 5, 'block': 2}");
        Tensor layout = Cores.output(core, Cores.inputs(DType.F64, 1, 3, 3, 5), "block_layout");
        assertThat(layout.shape().toArray()).containsExactly(3, 5, 5);
    }

    @Test
    void partsOfStacksAreDefinedBeyondAnyContext() {
        for (Variant variant : new BlockCatalog().variants()) {
            for (int context : new int[] {1, 2, 64, 1000}) {
                AttentionSpec spec = (AttentionSpec) variant.part(new StackSizes(12, 3, context));
                assertThat(spec == null).isEqualTo(variant.id().equals("bigbird"));
                if (spec != null) {
                    for (int i : new int[] {0, 1, 63, 64, 5 * context + 7}) {
                        assertThat(spec.pattern().allows(2, i, i)).isTrue();
                        assertThat(spec.pattern().allows(2, i, i + 1)).isFalse();
                    }
                    assertThat(spec.pattern().pairs(1, 40, 40)).isLessThanOrEqualTo(820);
                }
            }
        }
    }

    @Test
    void aLayerWithAPartDecodesAsItReads() {
        for (String id : List.of("block-sparse", "sparse-transformer")) {
            Variant variant =
                    new BlockCatalog().variants().stream().filter(v -> v.id().equals(id)).findFirst().orElseThrow();
            Attention layer = ((AttentionSpec) variant.part(new StackSizes(12, 3, 16))).create(12, Seed.of(1));
            layer.convert(DType.F64);
            assertThat(layer.isRecurrent()).isTrue();
            Tensor x = Cores.normal("x", DType.F64, 2, 41, 12);
            Tensor y = layer.forward(x);
            MixerState now = layer.start(2, 8, DType.F64);
            for (int i = 0; i < 41; i++) {
                var step = layer.advance(Layout.slice(x, 1, i, i + 1), now);
                now = step.state();
                assertThat(Cores.difference(step.y(), Layout.slice(y, 1, i, i + 1))).isLessThan(Cores.DOUBLE);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sparse-transformer {'stride': 0}|stride: 0",
                "sparse-transformer {'stride': 4, 'pattern': 'other'}|'other' is not known",
                "sparse-transformer {'stride': 4, 'combine': 'other'}|'other' is not known",
                "sparse-transformer {'stride': 4, 'causal': false}|causal: false",
                "sparse-transformer {'stride': 4, 'c': 0}|c: 0",
                "sparse-transformer {'stride': 4, 'c': 5}|c: 5",
                "sparse-transformer {'stride': 6, 'c': 3, 'num_verts': 3}|num_verts: 3 groups of 3",
                "sparse-transformer {'stride': 6, 'num_verts': 2}|num_verts: 2",
                "sparse-transformer {'stride': 6, 'num_verts': 0}|num_verts: 0",
                "sparse-transformer {'stride': 6, 'block_size': 4}|stride: 6 is no multiple",
                "sparse-transformer {'stride': 8, 'block_size': 4, 'c': 2}|c: 2 summary columns",
                "sparse-transformer {'stride': 8, 'block_size': 0}|block_size: 0",
                "sparse-transformer {'stride': 8, 'vertsize': 0}|vertsize: 0",
                "sparse-transformer {'stride': 8, 'layer': -1}|layer: -1",
                "sparse-transformer {'stride': 8, 'block_size': 2, 'strict': true}|no whole number of blocks of 2",
                "sparse-transformer {'stride': 8, 'block_size': 2, 'c': 4, 'vertsize': 1}|c: 4 summary columns",
                "block-sparse {'block': 4, 'seq_len': 21}|seq_len: 21",
                "block-sparse {'block': 0}|block: 0",
                "block-sparse {'block': 2, 'strict': true}|no whole number of blocks of 2",
                "block-sparse {'layout': 'sliding', 'block': 21, 'strict': true}|use 3 or more",
                "block-sparse {'layout': 'user'}|block_layout: missing",
                "block-sparse {'rpe': true}|rpe: missing",
                "block-sparse {'layout': 'bigbird', 'attention': 'unidirectional', 'num_random_blocks': 2}|first row"
            })
    void badConfigurationsAreRefused(String line, String message) {
        Map<String, Tensor> inputs = Cores.inputs(DType.F64, 1, 3, 21, 5);
        assertThatThrownBy(() -> Cores.output(core(line), inputs, "y"))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }

    @Test
    void badInputsAreRefused() {
        PatternSubject core = core("block-sparse {'layout': 'dense', 'block': 4}");
        Map<String, Tensor> good = Cores.inputs(DType.F64, 1, 3, 8, 5);
        refused(core, with(good, "q", Tensor.zeros(DType.F64, 1, 2, 8, 5)), "input q");
        refused(core, with(good, "k", Tensor.zeros(DType.F64, 1, 3, 7, 5)), "input k");
        refused(core, with(good, "v", Tensor.zeros(DType.F64, 1, 3, 8, 4)), "input v");
        refused(core, with(good, "key_mask", Tensor.zeros(DType.BOOL, 1, 7)), "key_mask");
        refused(core, with(good, "key_mask", Tensor.zeros(DType.F64, 1, 8)), "key_mask");
        refused(core, with(good, "rpe", Tensor.zeros(DType.F64, 3, 8, 8)), "rpe: given");
        refused(core, with(good, "block_layout", Tensor.zeros(DType.BOOL, 2, 2, 2)), "2 heads");
        refused(core, with(good, "block_layout", Tensor.zeros(DType.BOOL, 3, 3, 3)), "3 blocks of 4 for 8 tokens");
        PatternSubject biased = core("block-sparse {'layout': 'dense', 'block': 4, 'rpe': true}");
        refused(biased, with(good, "rpe", Tensor.zeros(DType.F64, 3, 8, 7)), "rpe");
        assertThatThrownBy(() -> core.run(good, Form.RECURRENT))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("causal");
        PatternSubject causal = core("sparse-transformer {'stride': 3}");
        assertThatThrownBy(() -> causal.run(good, Form.chunkwise(0)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("chunk: 0");
        assertThatThrownBy(() -> causal.run(with(good, "key_mask", Tensor.zeros(DType.BOOL, 1, 8)), Form.RECURRENT))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("key_mask");
    }

    private static Map<String, Tensor> with(Map<String, Tensor> inputs, String name, Tensor value) {
        Map<String, Tensor> changed = new LinkedHashMap<>(inputs);
        changed.put(name, value);
        return changed;
    }

    private static void refused(PatternSubject core, Map<String, Tensor> inputs, String message) {
        assertThatThrownBy(() -> Cores.output(core, inputs, "y"))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }
}
