package dev.heddle.attention.global;

import static dev.heddle.attention.DenseOracle.difference;
import static dev.heddle.attention.DenseOracle.gradients;
import static dev.heddle.attention.DenseOracle.heads;
import static dev.heddle.attention.DenseOracle.random;
import static dev.heddle.attention.DenseOracle.randomised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.attention.AttentionSpec;
import dev.heddle.attention.Decoding;
import dev.heddle.attention.DenseOracle;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Rope;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

class LongformerTest {
    private static final double EXACT = 1e-12;
    private static final int B = 3;
    private static final int D = 10;
    private static final int H = 2;

    private static Stream<LongformerSpec> specs() {
        return Stream.of(
                        LongformerSpec.of(H, 2),
                        LongformerSpec.of(H, 3).dilation(List.of(1, 2)).outputProjection(true),
                        LongformerSpec.of(H, 1).dilation(List.of(3, 2)).bias(false),
                        LongformerSpec.of(H, 3).dilation(List.of(2, 1)).position(Rope.base(100).partial(4)),
                        LongformerSpec.of(H, 50))
                .flatMap(spec -> Stream.of(spec, spec.causal(true)));
    }

    private static Longformer layer(LongformerSpec spec) {
        return randomised(spec.create(D, Seed.of(1)));
    }

    // The specification's words.
    private static boolean inWindow(LongformerSpec spec, int head, int i, int j) {
        int dilation = spec.dilation().get(head);
        return (i - j) % dilation == 0 && Math.abs(i - j) <= spec.window() * dilation;
    }

    private static boolean is(@Nullable Tensor mask, int b, int i, boolean otherwise) {
        return mask == null ? otherwise : mask.at((long) b * mask.dim(1) + i) != 0;
    }

    /// Both kinds of rows from all scores, by masks.
    private static Tensor maskForm(Longformer layer, Tensor x, @Nullable Tensor globals, @Nullable Tensor valid) {
        LongformerSpec spec = layer.spec();
        Tensor near =
                DenseOracle.scores(
                        heads(layer, "query", x, H, spec.position().orElse(null)),
                        heads(layer, "key", x, H, spec.position().orElse(null)),
                        (b, head, i, j) ->
                                is(valid, b, j, true)
                                                && (inWindow(spec, head, i, j) || is(globals, b, j, false))
                                                && (!spec.causal() || j <= i)
                                        ? 1
                                        : 0);
        Tensor y = DenseOracle.attend(near, heads(layer, "value", x, H));
        if (globals != null) {
            Tensor far =
                    DenseOracle.scores(
                            heads(layer, "query_global", x, H, spec.position().orElse(null)),
                            heads(layer, "key_global", x, H, spec.position().orElse(null)),
                            (b, head, i, j) -> is(valid, b, j, true) && (!spec.causal() || j <= i) ? 1 : 0);
            Tensor own = DenseOracle.attend(far, heads(layer, "value_global", x, H));
            y = Arithmetic.add(where(y, globals, false), where(own, globals, true));
        }
        y = Layout.reshape(y, x.shape());
        y = spec.outputProjection() ? DenseOracle.project(layer, "out_proj", y) : y;
        return valid == null ? y : Layout.fillWhere(y, valid.viewAs(Shape.of(x.dim(0), x.dim(1), 1)), 0);
    }

    private static Tensor where(Tensor y, Tensor mask, boolean wanted) {
        boolean[] keep = mask.toBooleans();
        for (int i = 0; i < keep.length; i++) {
            keep[i] = keep[i] == wanted;
        }
        return Layout.fillWhere(y, Tensor.of(keep, y.dim(0), y.dim(1), 1, 1), 0);
    }

    private static Tensor mask(String name, int length, double share) {
        RandomGenerator random = Seed.of(length).split(name).generator();
        boolean[] values = new boolean[B * length];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextDouble() < share;
        }
        return Tensor.of(values, B, length);
    }

    /// Differing numbers of global tokens, none in the last sequence.
    private static Tensor globals(int length) {
        boolean[] values = mask("global", length, 0.2).toBooleans();
        values[0] = true;
        Arrays.fill(values, 2 * length, 3 * length, false);
        return Tensor.of(values, B, length);
    }

    @TestFactory
    Stream<DynamicTest> threePartsAreTheMaskFormForwardAndBackward() {
        return specs().map(spec -> DynamicTest.dynamicTest(spec.toString(), () -> isTheMaskForm(spec)));
    }

    private static void isTheMaskForm(LongformerSpec spec) {
        Longformer layer = layer(spec);
        for (int length : new int[] {1, 7, 29}) {
            for (Tensor global : new @Nullable Tensor[] {null, globals(length)}) {
                for (Tensor valid : new @Nullable Tensor[] {null, mask("valid", length, 0.8)}) {
                    Tensor x = Autograd.variable(random("x", B, length, D));
                    Tensor y = layer.forward(x, global, valid);
                    Tensor expected = maskForm(layer, x, global, valid);
                    assertThat(difference(y, expected)).isLessThan(EXACT);
                    assertThat(difference(gradients(layer, x, y), gradients(layer, x, expected))).isLessThan(1e-11);
                }
            }
        }
    }

    @Test
    void longSequencesAgreeInBothPrecisions() {
        for (LongformerSpec spec : specs().toList()) {
            Longformer layer = layer(spec);
            Tensor x = Autograd.variable(random("x", B, 203, D));
            Tensor y = layer.forward(x, globals(203), mask("valid", 203, 0.9));
            Map<String, Tensor> exact = gradients(layer, x, y);
            layer.convert(DType.F32);
            Map<String, Tensor> leaves = new LinkedHashMap<>();
            layer.parameters().forEach((name, p) -> leaves.put(name, Autograd.variable(p.value())));
            layer.bind(leaves);
            Tensor single = Autograd.variable(x.cast(DType.F32));
            Tensor found = layer.forward(single, globals(203), mask("valid", 203, 0.9));
            assertThat(difference(found, y)).isLessThan(1e-5);
            assertThat(difference(gradients(layer, single, found), exact)).isLessThan(1e-3);
        }
    }

    private static Attention attention(AttentionPattern pattern, Longformer like, String suffix) {
        return attention(pattern, like, suffix, null);
    }

    private static Attention attention(
            AttentionPattern pattern, Longformer like, String suffix, Rope.@Nullable Spec position) {
        AttentionSpec spec = Attention.multiHead(H).bias(true).withoutOutputProjection().pattern(pattern);
        Attention attention = (position == null ? spec : spec.position(position)).create(D, Seed.of(2));
        attention.convert(DType.F64);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        Map<String, String> names = Map.of("wq", "query", "wk", "key", "wv", "value");
        names.forEach(
                (to, from) -> {
                    for (String kind : List.of(".weight", ".bias")) {
                        weights.put(to + kind, like.parameters().get(from + suffix + kind).value());
                    }
                });
        attention.bind(weights);
        return attention;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void withoutGlobalTokensItIsLocalAttention(int dilation) {
        Longformer layer = layer(LongformerSpec.of(H, 3).dilation(List.of(dilation, dilation)));
        Tensor x = random("x", B, 23, D);
        Attention local = attention(Patterns.local(3, dilation), layer, "");
        assertThat(difference(layer.forward(x), local.forward(x))).isLessThan(EXACT);
    }

    @Test
    void withGlobalTokensOnlyItIsFullAttentionThroughTheirProjections() {
        Longformer layer = layer(LongformerSpec.of(H, 3));
        Tensor x = random("x", B, 23, D);
        Tensor y = layer.forward(x, mask("all", 23, 2), null);
        assertThat(difference(y, attention(Patterns.full(), layer, "_global").forward(x))).isLessThan(EXACT);
    }

    @Test
    void rotationIsThatOfAttention() {
        Rope.Spec rope = Rope.base(100).partial(4);
        Tensor x = random("x", B, 23, D);
        Longformer layer = layer(LongformerSpec.of(H, 22).causal(true).position(rope));
        Attention near = attention(Patterns.causal(), layer, "", rope);
        assertThat(difference(layer.forward(x), near.forward(x))).isLessThan(EXACT);
        Attention far = attention(Patterns.causal(), layer, "_global", rope);
        assertThat(difference(layer.forward(x, mask("all", 23, 2), null), far.forward(x))).isLessThan(EXACT);
        assertThat(layer.spec().knowsPositions()).isTrue();
    }

    @Test
    void aWindowOverEverythingIsFullAttention() {
        Tensor x = random("x", B, 23, D);
        Longformer both = layer(LongformerSpec.of(H, 22));
        assertThat(difference(both.forward(x), attention(Patterns.full(), both, "").forward(x))).isLessThan(EXACT);
        Longformer causal = layer(LongformerSpec.of(H, 22).causal(true));
        assertThat(difference(causal.forward(x), attention(Patterns.causal(), causal, "").forward(x)))
                .isLessThan(EXACT);
    }

    // The published way: queries in chunks of w, each over the keys of three chunks.
    @Test
    void overlappingChunksAreTheWindow() {
        int w = 4;
        int length = 24;
        Tensor q = random("q", 1, length, H, 5);
        Tensor k = random("k", 1, length, H, 5);
        Tensor v = random("v", 1, length, H, 5);
        Tensor y = ScaledDotProduct.attend(q, k, v, AttentionOptions.of(LongformerSpec.of(H, w).windows())).y();
        for (int from = 0; from < length; from += w) {
            int first = Math.max(0, from - w);
            int stop = Math.min(length, from + 2 * w);
            boolean[] near = new boolean[w * (stop - first)];
            for (int at = 0; at < near.length; at++) {
                near[at] = Math.abs(from + at / (stop - first) - (first + at % (stop - first))) <= w;
            }
            Tensor own =
                    ScaledDotProduct.attend(
                                    Layout.slice(q, 1, from, from + w),
                                    Layout.slice(k, 1, first, stop),
                                    Layout.slice(v, 1, first, stop),
                                    AttentionOptions.of(Patterns.full()).masked(Tensor.of(near, w, stop - first)))
                            .y();
            assertThat(difference(Layout.slice(y, 1, from, from + w), own)).isLessThan(EXACT);
        }
    }

    @Test
    void unusedProjectionsHaveNoGradient() {
        Longformer layer = layer(LongformerSpec.of(H, 2));
        Tensor x = Autograd.variable(random("x", B, 9, D));
        Tensor none = Tensor.of(new boolean[B * 9], B, 9);
        for (Tensor y : List.of(layer.forward(x), layer.forward(x, none, null))) {
            gradients(layer, x, y)
                    .forEach(
                            (name, gradient) -> {
                                double[] values = gradient.toDoubles();
                                boolean zero = Arrays.stream(values).allMatch(g -> g == 0);
                                assertThat(zero).as(name).isEqualTo(name.contains("_global"));
                            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "F64"})
    void paddingIsNeverGlobalAndChangesNothingWhateverItHolds(DType dtype) {
        Longformer layer = layer(LongformerSpec.of(H, 2));
        layer.convert(dtype);
        Tensor valid = mask("valid", 19, 0.7);
        Tensor global = globals(19);
        boolean[] real = global.toBooleans();
        Tensor x = random("x", B, 19, D).cast(dtype);
        Tensor other = x.copy();
        for (int at = 0; at < real.length; at++) {
            if (valid.at(at) == 0) {
                real[at] = false;
                other.viewAt((long) at * D, Shape.of(D)).fill(1e30);
            }
        }
        assertThat(real).isNotEqualTo(global.toBooleans());
        Tensor y = layer.forward(x, Tensor.of(real, B, 19), valid);
        assertThat(layer.forward(other, global, valid).toDoubles()).isEqualTo(y.toDoubles());
        for (int at = 0; at < real.length; at++) {
            if (valid.at(at) == 0) {
                assertThat(y.viewAt((long) at * D, Shape.of(D)).toDoubles()).containsOnly(0);
            }
        }
    }

    @TestFactory
    Stream<DynamicTest> decodingIsTheFullForwardAndHoldsTheWindow() {
        return specs().filter(LongformerSpec::causal)
                .map(spec -> DynamicTest.dynamicTest(spec.toString(), () -> decodes(spec)));
    }

    private static void decodes(LongformerSpec spec) {
        Longformer layer = layer(spec);
        int length = 41;
        Tensor x = random("x", B, length, D);
        Tensor full = layer.forward(x);
        int held = spec.window() * spec.dilation().stream().mapToInt(d -> d).max().orElseThrow() + 1;
        for (int chunk : new int[] {1, 6, length}) {
            MixerState state =
                    Decoding.requireForward(
                            layer,
                            layer.start(B, 1, DType.F64),
                            x,
                            full,
                            chunk,
                            EXACT,
                            (holds, tokens) ->
                                    assertThat(holds.elements())
                                            .isEqualTo(B * layer.stateElements(tokens))
                                            .isEqualTo(2L * B * D * Math.min(tokens, held)));
            assertThat(layer.advance(Layout.slice(x, 1, 0, 0), state).state()).isSameAs(state);
        }
    }

    @TestFactory
    Stream<DynamicTest> decodingWithGlobalTokensIsTheFullForward() {
        return specs().filter(LongformerSpec::causal)
                .map(spec -> DynamicTest.dynamicTest(spec.toString(), () -> decodesWithGlobals(spec)));
    }

    private static void decodesWithGlobals(LongformerSpec spec) {
        Longformer layer = layer(spec);
        int length = 41;
        Tensor x = random("x", B, length, D);
        Tensor global = globals(length);
        Tensor full = layer.forward(x, global, null);
        assertThat(difference(full, layer.forward(x))).isGreaterThan(0.01);
        for (int chunk : new int[] {1, 6, length}) {
            MixerState start = layer.start(global, 1, DType.F64);
            MixerState state = Decoding.requireForward(layer, start, x, full, chunk, EXACT, (_, _) -> {});
            assertThat(layer.advance(Layout.slice(x, 1, 0, 0), state).state()).isSameAs(state);
        }
    }

    // The window, the global tokens so far, and all tokens for as long as a global one is to come.
    @Test
    void theStateHoldsWhatGlobalTokensNeedAndNoMore() {
        Longformer layer = layer(LongformerSpec.of(H, 2).causal(true));
        int length = 19;
        int[] at = {3, 4, 11};
        boolean[] marked = new boolean[length - 2];
        Arrays.stream(at).forEach(position -> marked[position] = true);
        Tensor x = random("x", 1, length, D);
        MixerState state = layer.start(Tensor.of(marked, 1, marked.length), 1, DType.F64);
        for (int n = 1; n <= length; n++) {
            MixerState before = state;
            state = layer.advance(Layout.slice(x, 1, n - 1, n), before).state();
            int tokens = n;
            long seen = Arrays.stream(at).filter(position -> position < tokens).count();
            long held = Math.min(n, 3) + seen + (n <= 11 ? n : 0);
            assertThat(state.elements()).isEqualTo(layer.stateElements(n, at)).isEqualTo(2 * D * held);
            // A fork.
            assertThat(layer.advance(Layout.slice(x, 1, 0, 1), before).state().elements()).isEqualTo(state.elements());
        }
        Tensor none = Tensor.of(new boolean[length], 1, length);
        assertThat(layer.advance(x, layer.start(none, 1, DType.F64)).state().elements())
                .isEqualTo(layer.stateElements(length));
    }

    @Test
    void pairsHaveTheClosedFormOfTheSpec() {
        RandomGenerator random = Seed.of(3).generator();
        for (int length = 1; length <= 40; length++) {
            for (int window = 1; window < 44; window += 6) {
                for (boolean causal : new boolean[] {false, true}) {
                    LongformerSpec spec =
                            LongformerSpec.of(H, window).dilation(List.of(1, 1 + length % 4)).causal(causal);
                    Longformer layer = spec.create(D, Seed.of(1));
                    int[] globals = random.ints(random.nextInt(5), 0, length).distinct().sorted().toArray();
                    for (int head = 0; head < H; head++) {
                        assertThat(layer.pairs(head, length, globals))
                                .as("%s N=%d G=%s", spec, length, Arrays.toString(globals))
                                .isEqualTo(count(spec, head, length, globals));
                    }
                    long core = (layer.pairs(0, length, globals) + layer.pairs(1, length, globals)) * 2 * (D / H);
                    long projected = globals.length == 0 ? 3L * length : 5L * length + globals.length;
                    assertThat(layer.multiplyAdds(length, globals)).isEqualTo(projected * D * D + core);
                }
            }
        }
    }

    private static long count(LongformerSpec spec, int head, int length, int[] globals) {
        long pairs = 0;
        for (int i = 0; i < length; i++) {
            for (int j = 0; j < (spec.causal() ? i + 1 : length); j++) {
                boolean global = Arrays.binarySearch(globals, i) >= 0 || Arrays.binarySearch(globals, j) >= 0;
                pairs += global || inWindow(spec, head, i, j) ? 1 : 0;
            }
        }
        return pairs;
    }

    @Test
    void oneGlobalTokenConnectsAllInTwoLayers() {
        Subject subject =
                new GlobalAttentionCatalog()
                        .variants()
                        .getFirst()
                        .build(Config.parse("{\"d_model\": 4, \"num_heads\": 1, \"window\": 2}"), Seed.of(1));
        int length = 17;
        boolean[] one = new boolean[length];
        assertThat(reached(mask(subject, one), 4, length)[8]).isTrue();
        assertThat(reached(mask(subject, one), 4, length)[9]).isFalse();
        one[5] = true;
        boolean[] seen = mask(subject, one);
        assertThat(count(seen)).isLessThan(length * length);
        assertThat(count(reached(seen, 2, length))).isEqualTo(length * length);
    }

    private static boolean[] mask(Subject subject, boolean[] globals) {
        Tensor x = Tensor.zeros(DType.F32, 1, globals.length, 4);
        Map<String, Tensor> inputs = Map.of("x", x, "global_mask", Tensor.of(globals, 1, globals.length));
        return subject.run(inputs, Form.PARALLEL).get("mask").toBooleans();
    }

    private static int count(boolean[] values) {
        return (int) IntStream.range(0, values.length).filter(i -> values[i]).count();
    }

    // The boolean power.
    private static boolean[] reached(boolean[] seen, int layers, int length) {
        boolean[] reached = seen;
        for (int layer = 1; layer < layers; layer++) {
            boolean[] before = reached;
            boolean[] next = new boolean[seen.length];
            for (int at = 0; at < next.length; at++) {
                int i = at / length;
                int j = at % length;
                next[at] = IntStream.range(0, length).anyMatch(m -> before[i * length + m] && seen[m * length + j]);
            }
            reached = next;
        }
        return reached;
    }

    @Test
    void memoryGrowsLinearlyWithTheSequence() {
        long small = peak(8192);
        long large = peak(32768);
        assertThat((double) large / small).isLessThan(4.3);
        assertThat(large).isLessThan(32768L * 32768 * Float.BYTES / 10);
    }

    private static long peak(int length) {
        Longformer layer = LongformerSpec.of(2, 16).causal(true).create(16, Seed.of(1));
        boolean[] global = new boolean[length];
        global[3] = true;
        global[length / 2] = true;
        try (Scope scope = Scope.open()) {
            Tensor x = Autograd.variable(Tensor.zeros(DType.F32, 1, length, 16));
            Tensor y = layer.forward(x, Tensor.of(global, 1, length), null);
            Autograd.gradients(y, Tensor.full(DType.F32, y.shape(), 1));
            return scope.peakBytes();
        }
    }

    @Test
    void weightsWithoutGlobalProjectionsAreAcceptedWhole() {
        Subject subject =
                new GlobalAttentionCatalog()
                        .variants()
                        .getFirst()
                        .build(Config.parse("{\"d_model\": 4, \"num_heads\": 1, \"window\": 2}"), Seed.of(1));
        Map<String, Tensor> weights = new LinkedHashMap<>();
        subject.module()
                .parameters()
                .forEach(
                        (name, p) -> {
                            if (!name.contains("_global")) {
                                weights.put(name, p.value());
                            }
                        });
        subject.bind(weights);
        weights.put("key_global.weight", Tensor.zeros(DType.F32, 4, 4));
        assertThatThrownBy(() -> subject.bind(weights))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("query_global.weight");
        Map<String, Tensor> padded =
                Map.of("x", Tensor.zeros(DType.F32, 1, 3, 4), "key_mask", Tensor.of(new boolean[3], 1, 3));
        assertThatThrownBy(() -> subject.run(padded, Form.RECURRENT))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("key_mask");
    }

    @Test
    void aStackGetsACausalLayerWithoutUnusedProjections() {
        StackPart part = new GlobalAttentionCatalog().variants().getFirst().part(new StackSizes(D, H, 30));
        assertThat(part).isInstanceOf(LongformerSpec.class);
        Longformer layer = randomised(((LongformerSpec) part).create(D, 0.5, Seed.of(1)));
        assertThat(layer.spec().causal()).isTrue();
        assertThat(layer.parameterCount()).isEqualTo(4 * (D * D + D));
        Tensor x = random("x", 1, 30, D);
        Step before = layer.advance(Layout.slice(x, 1, 0, 29), layer.start(1, 30, DType.F64));
        Tensor last = layer.advance(Layout.slice(x, 1, 29, 30), before.state()).y();
        assertThat(difference(last, Layout.slice(layer.forward(x), 1, 29, 30))).isLessThan(EXACT);
    }

    @Test
    void badConfigurationsAreRefused() {
        refused(() -> LongformerSpec.of(0, 2), "heads: 0");
        refused(() -> LongformerSpec.of(2, 0), "window: 0");
        refused(() -> LongformerSpec.of(2, 1).dilation(List.of(1)), "dilation: [1] for 2 heads");
        refused(() -> LongformerSpec.of(2, 1).dilation(List.of(1, 0)), "below 1");
        refused(() -> LongformerSpec.of(3, 1).create(10, Seed.of(1)), "heads: width 10 is not divisible by 3 heads");
        refused(() -> layer(LongformerSpec.of(H, 1)).start(1, 1, DType.F32), "sees later tokens");
    }

    private static void refused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }

    @Test
    void badInputsAreRefused() {
        Longformer layer = layer(LongformerSpec.of(H, 2).causal(true));
        Tensor x = random("x", B, 6, D);
        assertThatThrownBy(() -> layer.forward(random("x", B, 6, D + 1))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> layer.forward(x, Tensor.of(new boolean[6], 1, 6), null))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("global_mask");
        assertThatThrownBy(() -> layer.forward(x, null, Tensor.zeros(DType.F64, B, 6)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("key_mask");
        Longformer without = layer(LongformerSpec.of(H, 2).globalTokens(false));
        assertThatThrownBy(() -> without.forward(x, globals(6), null))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("globalTokens(true)");
        Longformer causal = layer(LongformerSpec.of(H, 2).causal(true).globalTokens(false));
        assertThatThrownBy(() -> causal.start(globals(6), 1, DType.F64))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("globalTokens(true)");
        assertThatThrownBy(() -> layer.start(x, 1, DType.F64))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("global_mask");
        MixerState two = layer.start(Layout.slice(globals(6), 0, 0, 2), 1, DType.F64);
        assertThatThrownBy(() -> layer.advance(x, two))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("it holds 2 sequences");
        refused(() -> layer(LongformerSpec.of(H, 2)).start(globals(6), 1, DType.F64), "sees later tokens");
        assertThatThrownBy(() -> layer.start(1, 0, DType.F64)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> layer.advance(x, layer(LongformerSpec.of(H, 2).causal(true)).start(B, 1, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("another layer");
    }
}
