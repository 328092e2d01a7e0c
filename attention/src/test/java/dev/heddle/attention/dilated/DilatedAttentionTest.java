package dev.heddle.attention.dilated;

import static dev.heddle.attention.DenseOracle.difference;
import static dev.heddle.attention.DenseOracle.gradients;
import static dev.heddle.attention.DenseOracle.heads;
import static dev.heddle.attention.DenseOracle.random;
import static dev.heddle.attention.DenseOracle.randomised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.attention.Decoding;
import dev.heddle.attention.DenseOracle;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.RecentTokens;
import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.attention.pattern.DilatedSegments.Offset;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.Normalization;
import dev.heddle.core.ops.Softmax;
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
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

class DilatedAttentionTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int D = 15;
    private static final int H = 5;

    private static final DilatedSpec LADDER = DilatedSpec.of(H, List.of(4, 8, 16), List.of(1, 2, 4));

    private static Stream<DilatedSpec> specs() {
        return Stream.of(
                        LADDER,
                        LADDER.causal(false),
                        LADDER.position(Rope.base(100).partial(2)),
                        LADDER.offset(Offset.MODULO).bias(false),
                        LADDER.causal(false).offset(Offset.MODULO).innerNorm(true),
                        DilatedSpec.of(H, List.of(6, 4, 100), List.of(3, 2, 7)),
                        DilatedSpec.of(H, List.of(6, 6), List.of(2, 3)).causal(false))
                .flatMap(spec -> Stream.of(spec, spec.mixture(Combine.Weights.DIFFERENTIATED)));
    }

    private static DilatedAttention layer(DilatedSpec spec) {
        return randomised(spec.create(D, Seed.of(1)));
    }

    // The specification's words.
    private static boolean kept(DilatedSpec spec, int pair, int head, int position, int length) {
        int w = Math.min(spec.segments().get(pair), length);
        int r = spec.rates().get(pair);
        int o = spec.offset() == Offset.MODULO ? head % r : head / ((spec.heads() + r - 1) / r);
        return position % w % r == o;
    }

    private static boolean sees(DilatedSpec spec, int pair, int head, int i, int j, int length) {
        int w = Math.min(spec.segments().get(pair), length);
        return kept(spec, pair, head, i, length)
                && kept(spec, pair, head, j, length)
                && i / w == j / w
                && (!spec.causal() || j <= i);
    }

    private static DenseOracle.Multiplicity pair(DilatedSpec spec, int pair, int length, @Nullable Tensor keyMask) {
        return (b, head, i, j) ->
                sees(spec, pair, head, i, j, length) && (keyMask == null || keyMask.at((long) b * length + j) != 0)
                        ? 1
                        : 0;
    }

    /// One softmax in which a key counts once for every pair that keeps it.
    private static Tensor multiplicityForm(DilatedAttention layer, Tensor x, @Nullable Tensor keyMask) {
        DilatedSpec spec = layer.spec();
        Tensor scores =
                DenseOracle.scores(
                        heads(layer, "q_proj", x, H, spec.position().orElse(null)),
                        heads(layer, "k_proj", x, H, spec.position().orElse(null)),
                        (b, head, i, j) ->
                                IntStream.range(0, spec.segments().size())
                                        .map(n -> pair(spec, n, x.dim(1), keyMask).of(b, head, i, j))
                                        .sum());
        return finish(layer, DenseOracle.attend(scores, heads(layer, "v_proj", x, H)), keyMask);
    }

    /// The mixture, with its weights held constant.
    private static Tensor stoppedMixture(DilatedAttention layer, Tensor x, @Nullable Tensor keyMask) {
        DilatedSpec spec = layer.spec();
        Tensor q = heads(layer, "q_proj", x, H, spec.position().orElse(null));
        Tensor k = heads(layer, "k_proj", x, H, spec.position().orElse(null));
        Tensor v = heads(layer, "v_proj", x, H);
        List<Tensor> parts = new ArrayList<>();
        List<Tensor> sums = new ArrayList<>();
        for (int n = 0; n < spec.segments().size(); n++) {
            Tensor scores = DenseOracle.scores(q, k, pair(spec, n, x.dim(1), keyMask));
            parts.add(DenseOracle.attend(scores, v));
            sums.add(Softmax.logSumExp(scores));
        }
        Tensor mixed = Tensor.zeros(DType.F64, q.shape());
        for (int n = 0; n < parts.size(); n++) {
            double[] weights = new double[Math.toIntExact(sums.get(n).elements())];
            for (int r = 0; r < weights.length; r++) {
                double total = 0;
                for (Tensor sum : sums) {
                    total += Math.exp(sum.at(r));
                }
                weights[r] = total == 0 ? 0 : Math.exp(sums.get(n).at(r)) / total;
            }
            Tensor byHead = Tensor.of(weights, x.dim(0), H, x.dim(1), 1);
            mixed = Arithmetic.add(mixed, Arithmetic.multiply(parts.get(n), Layout.permute(byHead, 0, 2, 1, 3)));
        }
        return finish(layer, mixed, keyMask);
    }

    private static Tensor finish(DilatedAttention layer, Tensor heads, @Nullable Tensor keyMask) {
        Tensor joined = Layout.reshape(heads, heads.dim(0), heads.dim(1), D);
        if (layer.spec().innerNorm()) {
            var parameters = layer.parameters();
            joined =
                    Normalization.layerNorm(
                            joined,
                            parameters.get("inner_attn_ln.weight").value(),
                            parameters.get("inner_attn_ln.bias").value(),
                            1e-5);
        }
        Tensor y = DenseOracle.project(layer, "out_proj", joined);
        return keyMask == null ? y : Layout.fillWhere(y, keyMask.viewAs(Shape.of(y.dim(0), y.dim(1), 1)), 0);
    }

    private static Tensor padding(int length) {
        boolean[] real = new boolean[B * length];
        for (int at = 0; at < real.length; at++) {
            real[at] = at % 5 != 3 && (at < length || at < real.length - 2);
        }
        return Tensor.of(real, B, length);
    }

    @TestFactory
    Stream<DynamicTest> theMixtureIsItsDefinitionForwardAndBackward() {
        return specs().map(spec -> DynamicTest.dynamicTest(spec.toString(), () -> isItsDefinition(spec)));
    }

    private static void isItsDefinition(DilatedSpec spec) {
        DilatedAttention layer = layer(spec);
        boolean full = spec.mixture() == Combine.Weights.DIFFERENTIATED;
        for (int length : new int[] {1, 3, 16, 37}) {
            for (Tensor keyMask : new @Nullable Tensor[] {null, padding(length)}) {
                Tensor x = Autograd.variable(random("x", B, length, D));
                Tensor y = layer.forward(x, keyMask);
                Tensor counted = multiplicityForm(layer, x, keyMask);
                Tensor stopped = stoppedMixture(layer, x, keyMask);
                assertThat(difference(y, counted)).isLessThan(EXACT);
                assertThat(difference(stopped, counted)).isLessThan(EXACT);
                Map<String, Tensor> found = gradients(layer, x, y);
                assertThat(difference(found, gradients(layer, x, full ? counted : stopped))).isLessThan(1e-11);
                if (length == 37) {
                    assertThat(difference(found, gradients(layer, x, full ? stopped : counted))).isGreaterThan(1e-3);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void oneFullSegmentIsMultiHeadAttention(Combine.Weights weights) {
        for (boolean causal : new boolean[] {true, false}) {
            DilatedAttention layer = layer(DilatedSpec.of(H, List.of(23), List.of(1)).causal(causal).mixture(weights));
            Attention multiHead =
                    Attention.multiHead(H)
                            .bias(true)
                            .pattern(causal ? Patterns.causal() : Patterns.full())
                            .create(D, Seed.of(2));
            multiHead.convert(DType.F64);
            Map<String, Tensor> renamed = new LinkedHashMap<>();
            layer.parameters().forEach((name, p) -> renamed.put(multiHeadName(name), p.value()));
            multiHead.bind(renamed);
            Tensor x = Autograd.variable(random("x", B, 23, D));
            Tensor y = layer.forward(x);
            Tensor expected = multiHead.forward(x);
            assertThat(difference(y, expected)).isLessThan(EXACT);
            assertThat(difference(gradients(layer, x, y), gradients(layer, x, expected))).isLessThan(EXACT);
        }
    }

    private static String multiHeadName(String name) {
        return "w" + name.charAt(0) + name.substring(name.indexOf('.'));
    }

    @Test
    void listingAPairTwiceChangesNothing() {
        DilatedAttention once = layer(DilatedSpec.of(H, List.of(6, 12), List.of(2, 3)));
        DilatedAttention twice = layer(DilatedSpec.of(H, List.of(6, 6, 12, 12), List.of(2, 2, 3, 3)));
        Tensor x = random("x", B, 29, D);
        assertThat(difference(twice.forward(x), once.forward(x))).isLessThan(EXACT);
    }

    // The published way: the kept rows of each segment gathered, dense attention among them.
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void gatheringTheKeptRowsOfASegmentIsTheMaskForm(boolean causal) {
        int length = 29;
        DilatedSegments pattern = new DilatedSegments(12, 3, H, Offset.CONTIGUOUS, causal);
        Tensor q = random("q", 1, length, H, 3);
        Tensor k = random("k", 1, length, H, 3);
        Tensor v = random("v", 1, length, H, 3);
        Tensor y = ScaledDotProduct.attend(q, k, v, AttentionOptions.of(pattern)).y();
        int seen = 0;
        for (int head = 0; head < H; head++) {
            for (int start = 0; start < length; start += 12) {
                int[] rows = keptRows(head, start, Math.min(length, start + 12));
                AttentionOptions dense = AttentionOptions.of(causal ? Patterns.causal() : Patterns.full());
                Tensor own = ScaledDotProduct.attend(pick(q, rows), pick(k, rows), pick(v, rows), dense).y();
                assertThat(difference(pick(y, rows), own)).isLessThan(EXACT);
                seen += rows.length;
            }
        }
        double[] values = y.toDoubles();
        assertThat(IntStream.range(0, values.length / 3).filter(row -> values[3 * row] != 0).count()).isEqualTo(seen);
    }

    // Every third token of a segment, as rows of one head among [N·H].
    private static int[] keptRows(int head, int start, int stop) {
        int first = start + Offset.CONTIGUOUS.of(head, H, 3);
        return IntStream.iterate(first, i -> i < stop, i -> i + 3).map(i -> i * H + head).toArray();
    }

    private static Tensor pick(Tensor x, int[] rows) {
        Tensor flat = x.viewAs(Shape.of(x.dim(1) * x.dim(2), x.dim(3)));
        Tensor picked = Gather.rows(flat, Tensor.of(rows, rows.length), "row");
        return picked.viewAs(Shape.of(1, rows.length, 1, x.dim(3)));
    }

    @Test
    void aTokenThatNoHeadKeepsGetsNothing() {
        DilatedAttention layer = randomised(DilatedSpec.of(2, List.of(8), List.of(4)).create(6, Seed.of(1)));
        Tensor x = Autograd.variable(random("x", 1, 16, 6));
        Tensor y = layer.forward(x);
        double[] bias = layer.parameters().get("out_proj.bias").value().toDoubles();
        Tensor cotangent = Tensor.zeros(DType.F64, y.shape());
        for (int i = 0; i < 16; i++) {
            if (i % 4 >= 2) {
                assertThat(Layout.slice(y, 1, i, i + 1).toDoubles()).isEqualTo(bias);
                cotangent.viewAt(i * 6L, Shape.of(6)).fill(1);
            }
        }
        assertThat(Autograd.gradients(y, cotangent).of(x).toDoubles()).containsOnly(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "F64"})
    void paddingChangesNothingWhateverItHoldsAndIsZero(DType dtype) {
        DilatedAttention layer = layer(LADDER.causal(false));
        layer.convert(dtype);
        Tensor keyMask = padding(21);
        Tensor x = random("x", B, 21, D).cast(dtype);
        Tensor other = x.copy();
        for (int at = 0; at < B * 21; at++) {
            if (keyMask.at(at) == 0) {
                other.viewAt((long) at * D, Shape.of(D)).fill(1e30);
            }
        }
        Tensor y = layer.forward(other, keyMask);
        assertThat(y.toDoubles()).isEqualTo(layer.forward(x, keyMask).toDoubles());
        for (int at = 0; at < B * 21; at++) {
            if (keyMask.at(at) == 0) {
                assertThat(y.viewAt((long) at * D, Shape.of(D)).toDoubles()).containsOnly(0);
            }
        }
    }

    @Test
    void longSequencesAgreeInBothPrecisions() {
        DilatedSpec spec = DilatedSpec.of(H, List.of(96, 192, 384), List.of(1, 2, 4));
        for (Combine.Weights weights : Combine.Weights.values()) {
            DilatedAttention layer = layer(spec.mixture(weights));
            Tensor x = Autograd.variable(random("x", 1, 401, D));
            Tensor y = layer.forward(x);
            Map<String, Tensor> exact = gradients(layer, x, y);
            layer.convert(DType.F32);
            Map<String, Tensor> leaves = new LinkedHashMap<>();
            layer.parameters().forEach((name, p) -> leaves.put(name, Autograd.variable(p.value())));
            layer.bind(leaves);
            Tensor single = Autograd.variable(x.cast(DType.F32));
            Tensor found = layer.forward(single);
            assertThat(difference(found, y)).isLessThan(1e-5);
            assertThat(difference(gradients(layer, single, found), exact)).isLessThan(1e-3);
        }
    }

    @TestFactory
    Stream<DynamicTest> decodingIsTheFullForwardAndHoldsTheCurrentSegments() {
        return specs().filter(DilatedSpec::causal)
                .map(spec -> DynamicTest.dynamicTest(spec.toString(), () -> decodes(spec)));
    }

    private static void decodes(DilatedSpec spec) {
        DilatedAttention layer = layer(spec);
        int length = 43;
        Tensor x = random("x", B, length, D);
        Tensor full = layer.forward(x);
        int longest = spec.segments().stream().mapToInt(w -> w).max().orElseThrow();
        for (int chunk : new int[] {1, 5, 19, length}) {
            Decoding.requireForward(
                    layer,
                    layer.start(B, 1, DType.F64),
                    x,
                    full,
                    chunk,
                    EXACT,
                    (state, tokens) -> {
                        assertThat(state.elements())
                                .isEqualTo(B * layer.stateElements(tokens))
                                .isEqualTo(2L * B * D * held(spec, tokens));
                        assertThat(held(spec, tokens)).isLessThan(longest);
                    });
        }
    }

    // Tokens that some pair's current segment still holds.
    private static int held(DilatedSpec spec, int length) {
        return spec.segments().stream().mapToInt(w -> length % w).max().orElseThrow();
    }

    @Test
    void aForkedDecodeLeavesTheOtherAsItWas() {
        DilatedAttention layer = layer(LADDER);
        Tensor x = random("x", B, 20, D);
        MixerState state = layer.advance(Layout.slice(x, 1, 0, 18), layer.start(B, 4, DType.F64)).state();
        Tensor once = layer.advance(Layout.slice(x, 1, 18, 19), state).y();
        layer.advance(Layout.slice(x, 1, 3, 5), state);
        assertThat(difference(layer.advance(Layout.slice(x, 1, 18, 19), state).y(), once)).isZero();
        Step nothing = layer.advance(Layout.slice(x, 1, 0, 0), state);
        assertThat(nothing.state()).isSameAs(state);
        assertThat(nothing.y().shape()).isEqualTo(Shape.of(B, 0, D));
    }

    @Test
    void memoryGrowsLinearlyWithTheSequence() {
        long small = peak(8192);
        long large = peak(32768);
        assertThat((double) large / small).isLessThan(4.3);
        assertThat(large).isLessThan(32768L * 32768 * Float.BYTES / 10);
    }

    private static long peak(int length) {
        DilatedAttention layer = DilatedSpec.of(2, List.of(64, 128), List.of(1, 2)).create(16, Seed.of(1));
        try (Scope scope = Scope.open()) {
            Tensor x = Autograd.variable(Tensor.zeros(DType.F32, 1, length, 16));
            Tensor y = layer.forward(x);
            Autograd.gradients(y, Tensor.full(DType.F32, y.shape(), 1));
            return scope.peakBytes();
        }
    }

    @Test
    void emptySequencesGiveEmptyOnes() {
        assertThat(layer(LADDER).forward(Tensor.zeros(DType.F64, B, 0, D)).shape()).isEqualTo(Shape.of(B, 0, D));
    }

    @Test
    void aStackOfAnyContextGetsSegmentsThatItsRatesDivide() {
        for (int context : new int[] {1, 7, 64, 101}) {
            StackPart part = new DilatedCatalog().variants().getFirst().part(new StackSizes(D, H, context));
            assertThat(part).isInstanceOf(DilatedSpec.class);
            DilatedAttention layer = randomised(((DilatedSpec) part).create(D, 0.5, Seed.of(1)));
            Tensor x = random("x", 1, 2 * context, D);
            Tensor last = Layout.slice(x, 1, 2 * context - 1, 2 * context);
            Step before = layer.advance(Layout.slice(x, 1, 0, 2 * context - 1), layer.start(1, 1, DType.F64));
            assertThat(
                            difference(
                                    layer.advance(last, before.state()).y(),
                                    Layout.slice(layer.forward(x), 1, 2 * context - 1, 2 * context)))
                    .isLessThan(EXACT);
        }
    }

    @Test
    void theInnerNormHasTwoNames() {
        String config =
                "{\"d_model\": 4, \"num_heads\": 2, \"segment_lengths\": [4], \"dilation_rates\": [2], \"sub_ln\": true}";
        Subject subject = new DilatedCatalog().variants().getFirst().build(Config.parse(config), Seed.of(1));
        Map<String, Tensor> weights = new LinkedHashMap<>();
        subject.module()
                .parameters()
                .forEach((name, p) -> weights.put(name.replace("inner_attn_ln", "sub_ln"), p.value()));
        Tensor twos = Tensor.full(DType.F32, Shape.of(4), 2);
        weights.put("sub_ln.weight", twos);
        subject.bind(weights);
        assertThat(subject.module().parameters().get("inner_attn_ln.weight").value().toDoubles()).containsOnly(2);
    }

    @Test
    void badConfigurationsAreRefused() {
        refused(() -> DilatedSpec.of(0, List.of(4), List.of(1)), "heads: 0");
        refused(() -> DilatedSpec.of(2, List.of(), List.of()), "segment_lengths: []");
        refused(() -> DilatedSpec.of(2, List.of(4, 8), List.of(1)), "give as many of each");
        refused(() -> DilatedSpec.of(2, List.of(4, 0), List.of(1, 1)), "use 1 or more");
        refused(() -> DilatedSpec.of(2, List.of(4), List.of(0)), "use 1 or more");
        refused(() -> DilatedSpec.of(2, List.of(4), List.of(5)), "rate 5 exceeds its segment of 4");
        refused(() -> LADDER.create(16, Seed.of(1)), "heads: width 16 is not divisible by 5 heads");
        refused(() -> LADDER.causal(false).create(D, Seed.of(1)).start(1, 1, DType.F32), "sees later tokens");
    }

    private static void refused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }

    @Test
    void aRateThatDoesNotDivideItsSegmentIsRefusedBeyondIt() {
        DilatedAttention layer = layer(DilatedSpec.of(H, List.of(8), List.of(3)));
        assertThat(layer.forward(random("x", 1, 8, D)).toDoubles()).doesNotContain(Double.NaN);
        Tensor longer = random("x", 1, 9, D);
        assertThatThrownBy(() -> layer.forward(longer))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("rate 3 does not divide its segment of 8");
        RecentTokens state = layer.start(1, 1, DType.F64);
        assertThatThrownBy(() -> layer.advance(longer, state)).isInstanceOf(InputException.class);
    }

    @Test
    void badInputsAreRefused() {
        DilatedAttention layer = layer(LADDER);
        Tensor x = random("x", B, 6, D);
        assertThatThrownBy(() -> layer.forward(random("x", B, 6, D + 1)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("[B, tokens, 15]");
        assertThatThrownBy(() -> layer.forward(x, Tensor.of(new boolean[B * 5], B, 5)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("key_mask");
        assertThatThrownBy(() -> layer.forward(x, Tensor.zeros(DType.F64, B, 6)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("key_mask");
        assertThatThrownBy(() -> layer.start(0, 1, DType.F64)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> layer.advance(x, layer(LADDER).start(B, 1, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("another layer");
        assertThatThrownBy(() -> layer.advance(x, layer.start(B + 1, 1, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("batch");
    }
}
