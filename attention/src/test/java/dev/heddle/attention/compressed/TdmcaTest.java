package dev.heddle.attention.compressed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.Attention;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

class TdmcaTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int D = 12;
    private static final int H = 3;

    static Stream<TdmcaLayer> causalLayers() {
        MemoryCompression input = MemoryCompression.ofInput(H, 4);
        MemoryCompression kv = MemoryCompression.ofKeysAndValues(H, 4);
        return Stream.of(
                        new LocalBlockAttention(D, H, new LocalBlocks(5, 0), 1, Seed.of(1)),
                        new LocalBlockAttention(D, H, new LocalBlocks(5, 1), 1, Seed.of(1)),
                        input.create(D, Seed.of(1)),
                        input.lead(false).groups(2).nonlinearity(Activation.SILU).create(D, Seed.of(1)),
                        kv.create(D, Seed.of(1)),
                        kv.lead(false).shared(false).groups(1).create(D, Seed.of(1)))
                .map(TdmcaTest::withRandomWeights);
    }

    private static <M extends Module> M withRandomWeights(M module) {
        module.convert(DType.F64);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        module.parameters().forEach((name, p) -> weights.put(name, random(name, 0.4, p.value().shape())));
        module.load(weights);
        return module;
    }

    private static Tensor random(String name, double deviation, Shape shape) {
        return Initialiser.normal(deviation).create(shape, Seed.of(5).split(name)).cast(DType.F64);
    }

    private static Tensor tokens(int length) {
        return random("x" + length, 1, Shape.of(B, length, D));
    }

    private static Tensor weight(Module module, String name) {
        return module.parameters().get(name).value();
    }

    private static double difference(Tensor a, Tensor b) {
        assertThat(a.shape()).isEqualTo(b.shape());
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }

    private static void equal(Tensor a, Tensor b) {
        assertThat(difference(a, b)).isLessThanOrEqualTo(EXACT);
    }

    @ParameterizedTest
    @CsvSource({"1, F64, 1e-12", "3, F64, 1e-12", "1, F32, 1e-5", "3, F32, 1e-5"})
    void convolutionEqualsMatrixProduct(int groups, DType dtype, double tolerance) {
        int f = 5;
        StridedConvolution convolution =
                withRandomWeights(
                        new StridedConvolution(D, MemoryCompression.ofInput(H, f).groups(groups), Seed.of(2)));
        Tensor x = tokens(7 * f);
        double[] expected = new double[B * 7 * D];
        Tensor w = weight(convolution, "weight");
        Tensor b = weight(convolution, "bias");
        int part = D / groups;
        for (int block = 0; block < B * 7; block++) {
            for (int out = 0; out < D; out++) {
                double sum = b.at(out);
                for (int in = 0; in < part; in++) {
                    for (int t = 0; t < f; t++) {
                        double token = x.at(((long) block * f + t) * D + (long) (out / part) * part + in);
                        sum += w.at(((long) out * part + in) * f + t) * token;
                    }
                }
                expected[block * D + out] = sum;
            }
        }
        convolution.convert(dtype);
        Tensor y = convolution.forward(x.cast(dtype));
        assertThat(difference(y.cast(DType.F64), Tensor.of(expected, B, 7, D))).isLessThanOrEqualTo(tolerance);
    }

    @Test
    void factorOneWithoutAChangeSeesThePastAndTheFirstTokenTwice() {
        MemoryCompressedAttention layer = withRandomWeights(MemoryCompression.ofInput(H, 1).create(D, Seed.of(1)));
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name, p.value()));
        double[] identity = new double[D * D];
        for (int d = 0; d < D; d++) {
            identity[d * D + d] = 1;
        }
        weights.put("compress.weight", Tensor.of(identity, D, D, 1));
        weights.put("compress.bias", Tensor.zeros(DType.F64, D));
        layer.load(weights);
        Tensor x = tokens(11);
        equal(((InputCompressedAttention) layer).memory(x), Layout.concatenate(1, Layout.slice(x, 1, 0, 1), x));
        // The memory as a context whose column c is seen from token c on.
        AttentionPattern past = (head, query, key) -> key <= query - 1;
        Attention cross = Attention.multiHead(H).contextWidth(D).pattern(past).create(D, Seed.of(1));
        cross.convert(DType.F64);
        weights.keySet().removeIf(name -> name.startsWith("compress"));
        cross.load(weights);
        equal(layer.forward(x), cross.forward(x, Layout.concatenate(1, Layout.slice(x, 1, 0, 1), x), null));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void localBlocksEqualTheBlockLayout(int reach) {
        int length = 5;
        // As a layout of blocks: the diagonal, or a window of blocks to the left, then causal.
        AttentionPattern layout =
                (head, query, key) -> {
                    int back = Math.floorDiv(query, length) - Math.floorDiv(key, length);
                    return key <= query && back >= 0 && back <= reach;
                };
        LocalBlockAttention layer =
                withRandomWeights(new LocalBlockAttention(D, H, new LocalBlocks(length, reach), 1, Seed.of(1)));
        Attention expected = Attention.multiHead(H).pattern(layout).create(D, Seed.of(1));
        expected.convert(DType.F64);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name.substring("attention.".length()), p.value()));
        expected.load(weights);
        for (int n : new int[] {1, 4, 5, 9, 10, 23}) {
            Tensor x = Autograd.variable(tokens(n));
            Tensor other = Autograd.variable(tokens(n));
            Tensor y = layer.forward(x);
            equal(y, expected.forward(other));
            Tensor cotangent = random("cotangent", 1, y.shape());
            Gradients found = Autograd.gradients(layer.forward(x), cotangent);
            Gradients wanted = Autograd.gradients(expected.forward(other), cotangent);
            equal(found.of(x), wanted.of(other));
            equal(found.of(weight(layer, "attention.wk.weight")), wanted.of(weight(expected, "wk.weight")));
        }
    }

    // The definition, pair by pair.
    @ParameterizedTest
    @EnumSource(MemoryCompression.Placement.class)
    void layersEqualTheirDefinition(MemoryCompression.Placement placement) {
        boolean onInput = placement == MemoryCompression.Placement.INPUT;
        int f = 3;
        MemoryCompression spec = onInput ? MemoryCompression.ofInput(H, f) : MemoryCompression.ofKeysAndValues(H, f);
        MemoryCompressedAttention layer = withRandomWeights(spec.create(D, Seed.of(1)));
        for (int n : new int[] {1, 2, 3, 7, 13, 15}) {
            Tensor x = tokens(n);
            equal(layer.forward(x), onInput ? compressedInput(layer, x, f) : compressedKeys(layer, x, f));
        }
    }

    private static Tensor compressedInput(Module layer, Tensor x, int f) {
        int n = x.dim(1) / f;
        double[] memory = new double[B * (n + 1) * D];
        for (int b = 0; b < B; b++) {
            for (int out = 0; out < D; out++) {
                memory[b * (n + 1) * D + out] = x.at((long) b * x.dim(1) * D + out);
                for (int c = 0; c < n; c++) {
                    double sum = weight(layer, "compress.bias").at(out);
                    for (int in = 0; in < D; in++) {
                        for (int t = 0; t < f; t++) {
                            double w = weight(layer, "compress.weight").at(((long) out * D + in) * f + t);
                            sum += w * x.at(((long) b * x.dim(1) + (long) c * f + t) * D + in);
                        }
                    }
                    memory[(b * (n + 1) + c + 1) * D + out] = sum;
                }
            }
        }
        Tensor columns = Tensor.of(memory, B, n + 1, D);
        Tensor heads =
                attend(
                        MatMul.linear(x, weight(layer, "wq.weight"), null),
                        MatMul.linear(columns, weight(layer, "wk.weight"), null),
                        MatMul.linear(columns, weight(layer, "wv.weight"), null),
                        1 / Math.sqrt((double) D / H),
                        (i, c) -> c * f <= i);
        return MatMul.linear(heads, weight(layer, "wo.weight"), null);
    }

    private static Tensor compressedKeys(Module layer, Tensor x, int f) {
        int zeros = Math.floorMod(-x.dim(1), f);
        int n = (x.dim(1) + zeros) / f;
        Tensor qkv = MatMul.linear(x, weight(layer, "to_qkv.weight"), null);
        int part = D / H;
        double[][] columns = new double[2][B * (n + 1) * D];
        for (int stream = 0; stream < 2; stream++) {
            Tensor lead = weight(layer, stream == 0 ? "null_k" : "null_v");
            for (int b = 0; b < B; b++) {
                for (int out = 0; out < D; out++) {
                    columns[stream][b * (n + 1) * D + out] = lead.at(out);
                    for (int c = 0; c < n; c++) {
                        double sum = weight(layer, "compress.bias").at(out);
                        for (int in = 0; in < part; in++) {
                            for (int t = 0; t < f; t++) {
                                int token = c * f + t - zeros;
                                double w = weight(layer, "compress.weight").at(((long) out * part + in) * f + t);
                                int channel = (stream + 1) * D + out / part * part + in;
                                sum += token < 0 ? 0 : w * qkv.at(((long) b * x.dim(1) + token) * 3 * D + channel);
                            }
                        }
                        columns[stream][(b * (n + 1) + c + 1) * D + out] = sum;
                    }
                }
            }
        }
        Tensor heads =
                attend(
                        Layout.slice(qkv, 2, 0, D),
                        Tensor.of(columns[0], B, n + 1, D),
                        Tensor.of(columns[1], B, n + 1, D),
                        1 / Math.sqrt(D),
                        (i, c) -> c == 0 || i >= c * f - 1 - zeros);
        return MatMul.linear(heads, weight(layer, "to_out.weight"), weight(layer, "to_out.bias"));
    }

    private interface Sees {
        boolean test(int token, int column);
    }

    private static Tensor attend(Tensor q, Tensor k, Tensor v, double scale, Sees sees) {
        int n = q.dim(1);
        int m = k.dim(1);
        int width = D / H;
        double[] y = new double[B * n * D];
        for (int row = 0; row < B * n * H; row++) {
            int b = row / (n * H);
            int i = row / H % n;
            int first = row % H * width;
            double total = 0;
            double[] sums = new double[width];
            for (int c = 0; c < m; c++) {
                double dot = 0;
                for (int d = first; d < first + width; d++) {
                    dot += q.at(((long) b * n + i) * D + d) * k.at(((long) b * m + c) * D + d);
                }
                double weight = sees.test(i, c) ? Math.exp(dot * scale) : 0;
                total += weight;
                for (int d = 0; d < width; d++) {
                    sums[d] += weight * v.at(((long) b * m + c) * D + first + d);
                }
            }
            for (int d = 0; d < width; d++) {
                y[(b * n + i) * D + first + d] = sums[d] / total;
            }
        }
        return Tensor.of(y, B, n, D);
    }

    @ParameterizedTest
    @MethodSource("causalLayers")
    void aTokenChangesNoEarlierRow(TdmcaLayer layer) {
        int n = 22;
        Tensor x = tokens(n);
        Tensor y = layer.forward(x);
        for (int t = 0; t < n; t++) {
            Tensor changed = x.copy();
            changed.viewAt((long) t * D, Shape.of(D)).fill(3);
            Tensor other = layer.forward(changed);
            assertThat(difference(Layout.slice(other, 1, 0, t), Layout.slice(y, 1, 0, t))).as("token %d", t).isZero();
        }
    }

    // Steps of all sizes, each in a scope of its own: a state outlives it.
    @ParameterizedTest
    @MethodSource("causalLayers")
    void decodingInUnevenStepsEqualsTheWholeSequence(TdmcaLayer layer) {
        int n = 29;
        Tensor x = tokens(n);
        Tensor y = layer.forward(x);
        MixerState state = layer.startOf(B, n, DType.F64);
        int from = 0;
        for (int step = 0; from < n; step++) {
            int to = Math.min(n, from + new int[] {1, 3, 0, 11, 2, 1}[step % 6]);
            try (Scope _ = Scope.open()) {
                TokenMixer.Step next = layer.advance(Layout.slice(x, 1, from, to), state);
                equal(next.y(), Layout.slice(y, 1, from, to));
                state = next.state();
            }
            from = to;
            assertThat(state.length()).isEqualTo(to);
            assertThat(state.batch()).isEqualTo(B);
        }
        assertThat(state.elements()).isEqualTo(B * layer.stateElements(n));
    }

    @ParameterizedTest
    @MethodSource("causalLayers")
    void aStateCanBeContinuedTwice(TdmcaLayer layer) {
        int n = 20;
        Tensor x = tokens(n);
        MixerState half = layer.advance(Layout.slice(x, 1, 0, 9), layer.startOf(B, n, DType.F64)).state();
        Tensor other = random("fork", 1, Shape.of(B, n - 9, D));
        Tensor forked = Layout.concatenate(1, Layout.slice(x, 1, 0, 9), other);
        Tensor a = layer.advance(other, half).y();
        Tensor b = layer.advance(Layout.slice(x, 1, 9, n), half).y();
        equal(a, Layout.slice(layer.forward(forked), 1, 9, n));
        equal(b, Layout.slice(layer.forward(x), 1, 9, n));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aLocalStateNeverHoldsMoreThanItsBlocks(int reach) {
        LocalBlockAttention layer =
                withRandomWeights(new LocalBlockAttention(D, H, new LocalBlocks(5, reach), 1, Seed.of(1)));
        MixerState state = layer.start(B, 100, DType.F64);
        for (int n = 1; n <= 37; n++) {
            state = layer.advance(tokens(1), state).state();
            assertThat(state.elements())
                    .isEqualTo(B * layer.stateElements(n))
                    .isLessThanOrEqualTo(B * 10L * (reach + 1) * D);
        }
    }

    // A new column with every f-th token, and what waits in between.
    @Test
    void aMemoryStateGrowsByAColumnWheneverABlockCloses() {
        MemoryCompressedAttention layer = withRandomWeights(MemoryCompression.ofInput(H, 4).create(D, Seed.of(1)));
        MixerState state = layer.start(B, 3, DType.F64);
        for (int n = 1; n <= 19; n++) {
            state = layer.advance(tokens(1), state).state();
            assertThat(state.elements()).isEqualTo((long) B * ((n / 4 + 1) * 2 * D + n % 4 * D));
        }
    }

    @Test
    void bothSidesSeeAllColumnsAndTheUnfinishedBlockIsInNone() {
        MemoryCompressedAttention layer =
                withRandomWeights(MemoryCompression.ofInput(H, 4).causal(false).create(D, Seed.of(1)));
        Tensor x = tokens(11);
        Tensor changed = x.copy();
        changed.viewAt(10L * D, Shape.of(D)).fill(3);
        Tensor y = layer.forward(x);
        Tensor other = layer.forward(changed);
        assertThat(difference(Layout.slice(other, 1, 0, 10), Layout.slice(y, 1, 0, 10))).isZero();
        assertThat(layer.pairs(11)).isEqualTo(11 * 3);
        Tensor closed = x.copy();
        closed.viewAt(7L * D, Shape.of(D)).fill(3);
        assertThat(difference(Layout.slice(layer.forward(closed), 1, 0, 1), Layout.slice(y, 1, 0, 1)))
                .isGreaterThan(1e-3);
    }

    // Fewer tokens than a block: every row gives the value of the first token, or of the null key.
    @Test
    void shorterThanABlockOnlyTheLeadIsSeen() {
        MemoryCompressedAttention layer = withRandomWeights(MemoryCompression.ofInput(H, 6).create(D, Seed.of(1)));
        Tensor x = tokens(5);
        Tensor first = Layout.slice(x, 1, 0, 1);
        Tensor value = MatMul.linear(first, weight(layer, "wv.weight"), null);
        Tensor row = MatMul.linear(value, weight(layer, "wo.weight"), null);
        equal(layer.forward(x), Layout.expand(row, x.shape()));
    }

    @ParameterizedTest
    @EnumSource(MemoryCompression.Placement.class)
    void withoutALeadEarlyRowsAreZero(MemoryCompression.Placement placement) {
        boolean onInput = placement == MemoryCompression.Placement.INPUT;
        MemoryCompression spec = onInput ? MemoryCompression.ofInput(H, 4) : MemoryCompression.ofKeysAndValues(H, 4);
        MemoryCompressedAttention layer = withRandomWeights(spec.lead(false).create(D, Seed.of(1)));
        Tensor x = Autograd.variable(tokens(12));
        Tensor y = layer.forward(x);
        int dead = onInput ? 4 : 3;
        Tensor early = Layout.slice(y, 1, 0, dead);
        Tensor nothing =
                onInput
                        ? Tensor.zeros(DType.F64, early.shape())
                        : Layout.expand(weight(layer, "to_out.bias"), early.shape());
        equal(early, nothing);
        assertThat(difference(Layout.slice(y, 1, dead, dead + 1), Layout.slice(nothing, 1, 0, 1))).isGreaterThan(1e-3);
        Tensor gradient = Autograd.gradients(early, Tensor.full(DType.F64, early.shape(), 1)).of(x);
        equal(gradient, Tensor.zeros(DType.F64, x.shape()));
    }

    @ParameterizedTest
    @MethodSource("causalLayers")
    void noTokensGiveNothing(TdmcaLayer layer) {
        Tensor none = Tensor.zeros(DType.F64, B, 0, D);
        assertThat(layer.forward(none).shape()).isEqualTo(none.shape());
        TokenMixer.Step step = layer.advance(none, layer.start(B, 1, DType.F64));
        assertThat(step.y().shape()).isEqualTo(none.shape());
        assertThat(step.state().elements()).isZero();
    }

    // A sequence that f divides needs no zeros, so a state that was not told its length agrees too.
    @Test
    void compressedKeysOfWholeBlocksNeedNoZeros() {
        MemoryCompressedAttention layer =
                withRandomWeights(MemoryCompression.ofKeysAndValues(H, 3).create(D, Seed.of(1)));
        Tensor x = tokens(12);
        equal(layer.advance(x, layer.start(B, 12, DType.F64)).y(), layer.forward(x));
        Tensor odd = tokens(13);
        assertThat(difference(layer.advance(odd, layer.start(B, 13, DType.F64)).y(), layer.forward(odd)))
                .isGreaterThan(1e-3);
    }

    @Test
    void theScaleOfCompressedKeysIsThatOfTheModel() {
        MemoryCompression spec = MemoryCompression.ofKeysAndValues(H, 3);
        assertThat(spec.scaledByModelWidth()).isTrue();
        MemoryCompressedAttention model = withRandomWeights(spec.create(D, Seed.of(1)));
        MemoryCompressedAttention head = withRandomWeights(spec.scaledByModelWidth(false).create(D, Seed.of(1)));
        assertThat(difference(model.forward(tokens(9)), head.forward(tokens(9)))).isGreaterThan(1e-3);
    }
}
