package dev.heddle.attention.composed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.attention.Attention;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.composed.ComposedAttention.Projected;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

class ComposedLawTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int N = 19;
    private static final int D = 24;
    private static final int H = 6;

    private static final Tensor X = random("x", B, N, D);

    private static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(7).split(name)).cast(DType.F64);
    }

    /// A layer in which every weight matters: the drawn ones compose next to nothing.
    private static ComposedAttention layer(ComposedSpec spec) {
        ComposedAttention layer = spec.create(D, Seed.of(3));
        layer.convert(DType.F64);
        Map<String, Tensor> weights = weights(layer);
        weights.replaceAll((name, w) -> random(name, w.shape().toArray()));
        weights.replaceAll((name, w) -> scaled(w, name.endsWith("norm.weight") ? 1 : 0.3));
        layer.load(weights);
        return layer;
    }

    private static Tensor scaled(Tensor w, double factor) {
        return Arithmetic.scale(w, factor);
    }

    private static Map<String, Tensor> weights(ComposedAttention layer) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        layer.parameters().forEach((name, p) -> weights.put(name, p.value().detach()));
        return weights;
    }

    private static Tensor rows(Tensor x, int from, int to) {
        return Layout.slice(x, 1, from, to);
    }

    private static void equal(Tensor a, Tensor b) {
        assertThat(ComposedCase.difference(a, b)).isLessThanOrEqualTo(EXACT);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void withoutCompositionEqualsMultiHead(boolean rotary) {
        Rope.Spec rope = rotary ? Rope.base(100).halfSplit() : null;
        ComposedAttention composed =
                layer(ComposedAttention.heads(H).queryKeyNorm(OptionalDouble.empty()).position(rope));
        Map<String, Tensor> weights = weights(composed);
        weights.replaceAll((name, w) -> name.matches("sw_.*|.*qkw|.*dd") ? Tensor.zeros(DType.F64, w.shape()) : w);
        composed.load(weights);
        var spec = Attention.multiHead(H);
        Attention plain = (rotary ? spec.position(rope) : spec).create(D, Seed.of(1));
        plain.convert(DType.F64);
        weights.keySet().removeIf(name -> !name.startsWith("w"));
        plain.load(weights);
        equal(composed.forward(X), plain.forward(X));
    }

    @Test
    void staticOnlyIsTalkingHeadsWithAResidual() {
        ComposedAttention layer = layer(ComposedAttention.heads(H).dynamic(false).gate(false).stages(true, false));
        Projected p = layer.project(X, 0);
        Tensor mixing = weights(layer).get("sw_pre");
        Tensor y = layer.forward(X);
        // Scores, mixed by I + sw, softmax and values by hand.
        Tensor heads = Tensor.uninitialised(DType.F64, B, N, H, D / H);
        for (int b = 0; b < B; b++) {
            for (int i = 0; i < N; i++) {
                for (int m = 0; m < H; m++) {
                    double[] scores = new double[i + 1];
                    for (int j = 0; j <= i; j++) {
                        for (int n = 0; n < H; n++) {
                            scores[j] += score(p, b, n, i, j) * ((n == m ? 1 : 0) + mixing.at(n * H + m));
                        }
                    }
                    attend(p.v(), b, m, scores, heads.viewAt(((b * N + i) * H + m) * (long) (D / H), Shape.of(D / H)));
                }
            }
        }
        equal(y, MatMul.linear(heads.viewAs(Shape.of(B, N, D)), weights(layer).get("wo.weight"), null));
    }

    private static double score(Projected p, int b, int h, int i, int j) {
        double sum = 0;
        for (int d = 0; d < D / H; d++) {
            sum += p.q().at(((b * N + i) * H + h) * (D / H) + d) * p.k().at(((b * N + j) * H + h) * (D / H) + d);
        }
        return sum / Math.sqrt(D / H);
    }

    private static void attend(Tensor v, int b, int h, double[] scores, Tensor to) {
        double total = 0;
        double[] y = new double[D / H];
        for (int j = 0; j < scores.length; j++) {
            double weight = Math.exp(scores[j]);
            total += weight;
            for (int d = 0; d < y.length; d++) {
                y[d] += weight * v.at(((b * N + j) * H + h) * (D / H) + d);
            }
        }
        for (int d = 0; d < y.length; d++) {
            to.viewAt(d, Shape.of()).fill(y[d] / total);
        }
    }

    // a' = (I + sw + Q(t) + K(s))ᵀ·a, with Q = W1ᵀ·W2 + diag(g).
    @Test
    void lowRankFormEqualsMergedForm() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        Projected p = layer.project(X, 0);
        Composition stage = p.post();
        Tensor a = random("a", B, H, N, N);
        Tensor mixed = WrittenOutComposition.compose(a, stage);
        Tensor keyMatrices = layer.keyMatrices(X);
        for (int at = 0; at < B * N * N; at += 13) {
            int b = at / (N * N);
            int t = at / N % N;
            int s = at % N;
            for (int m = 0; m < H; m++) {
                double sum = 0;
                for (int n = 0; n < H; n++) {
                    double merged =
                            (n == m ? 1 : 0)
                                    + stage.mixing().at(n * H + m)
                                    + merged(stage, b * N + t, n, m)
                                    + keyMatrices.at((((b * N + s) * 2 + 1) * H + n) * (long) H + m);
                    sum += merged * a.at(((b * H + n) * N + t) * (long) N + s);
                }
                assertThat(mixed.at(((b * H + m) * N + t) * (long) N + s)).isCloseTo(sum, within(1e-11));
            }
        }
    }

    private static double merged(Composition stage, int token, int n, int m) {
        Tensor f = stage.byQuery();
        int rows = stage.rows();
        double sum = n == m ? f.at(((long) token * rows + 2L * stage.rank()) * H + n) : 0;
        for (int r = 0; r < stage.rank(); r++) {
            sum += f.at(((long) token * rows + r) * H + n) * f.at(((long) token * rows + stage.rank() + r) * H + m);
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 18})
    void chunksOfQueriesEqualAllAtOnce(int chunk) {
        ComposedAttention layer = layer(ComposedAttention.heads(H).pattern(Patterns.window(6, 0)));
        Projected p = layer.project(X, 0);
        AttentionPattern window = layer.spec().pattern();
        Tensor y = ComposedProduct.attend(p.q(), p.k(), p.v(), p.pre(), p.post(), window);
        for (int from = 0; from < N; from += chunk) {
            int to = Math.min(N, from + chunk);
            Tensor part =
                    ComposedProduct.attend(
                            rows(p.q(), from, to),
                            rows(p.k(), 0, to),
                            rows(p.v(), 0, to),
                            part(p.pre(), from, to),
                            part(p.post(), from, to),
                            window);
            equal(part, rows(y, from, to));
        }
    }

    private static Composition part(Composition c, int from, int to) {
        return new Composition(c.mixing(), rows(c.byQuery(), from, to), rows(c.byKey(), 0, to), c.rank(), c.gated());
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "F64"})
    void causalRowsDoNotSeeLaterTokens(DType dtype) {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        layer.convert(dtype);
        Tensor x = X.cast(dtype);
        Tensor other = Layout.concatenate(1, rows(x, 0, 11), random("other", B, N - 11, D).cast(dtype));
        assertThat(ComposedCase.difference(rows(layer.forward(other), 0, 11), rows(layer.forward(x), 0, 11))).isZero();
        assertThat(ComposedCase.difference(layer.forward(other), layer.forward(x))).isGreaterThan(0.01);
    }

    @Test
    void aWindowOfTheWholeLengthIsNone() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        ComposedAttention windowed =
                ComposedAttention.heads(H).pattern(Patterns.window(N - 1, 0)).create(D, Seed.of(1));
        windowed.convert(DType.F64);
        windowed.load(weights(layer));
        equal(windowed.forward(X), layer.forward(X));
    }

    @Test
    void decodeWithAWindowDoesNoMoreWorkInALongCache() {
        ComposedAttention layer = layer(ComposedAttention.heads(H).pattern(Patterns.window(4, 0)));
        MixerState state = layer.start(1, 300, DType.F64);
        state = layer.advance(random("first", 1, 99, D), state).state();
        long early = workOfNext(layer, state);
        state = layer.advance(random("more", 1, 128, D), state).state();
        assertThat(workOfNext(layer, state)).isEqualTo(early);
    }

    @Test
    void aPatternThatDiffersByHeadIsRefused() {
        ComposedSpec spec = ComposedAttention.heads(H);
        assertThatThrownBy(() -> spec.pattern(Patterns.perHead(Patterns.causal(), Patterns.window(3, 0))))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("all 6 heads see the same keys")
                .hasMessageContaining("use one pattern for all heads");
        assertThatThrownBy(() -> spec.pattern(Patterns.fixed(8, 1, 2))).isInstanceOf(ConfigException.class);
        assertThat(spec.pattern(Patterns.perHead(Patterns.causal(), Patterns.causal())).pattern().allows(1, 3, 4))
                .isFalse();
    }

    private static long workOfNext(ComposedAttention layer, MixerState state) {
        return WorkMeter.measure(() -> layer.advance(random("next", 1, 1, D), state));
    }

    @Test
    void queryWiseCacheIsThatOfMultiHead() {
        ComposedAttention layer = layer(ComposedAttention.heads(H).sides(true, false));
        Attention plain = Attention.multiHead(H).create(D, Seed.of(1));
        plain.convert(DType.F64);
        MixerState composed = layer.advance(X, layer.start(B, N, DType.F64)).state();
        assertThat(composed.elements()).isEqualTo(plain.advance(X, plain.start(B, N, DType.F64)).state().elements());
        assertThat(layer.stateElements(N)).isEqualTo(plain.stateElements(N));
    }

    @Test
    void keyWiseCacheHoldsTenMoreNumbersAHead() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        assertThat(layer.stateElements(N)).isEqualTo(N * (2L * D + 10 * H));
        assertThat(layer.advance(X, layer.start(B, 1, DType.F64)).state().elements())
                .isEqualTo(B * layer.stateElements(N));
    }

    @Test
    void aForkedCacheLeavesTheOriginalAsItWas() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        MixerState prompt = layer.advance(rows(X, 0, 12), layer.start(B, N, DType.F64)).state();
        Step other = layer.advance(random("fork", B, 3, D), prompt);
        Step step = layer.advance(rows(X, 12, N), prompt);
        equal(step.y(), rows(layer.forward(X), 12, N));
        assertThat(other.state().length()).isEqualTo(15);
        assertThat(layer.advance(rows(X, 0, 0), prompt).state()).isSameAs(prompt);
    }

    @Test
    void zeroGeneratorsGiveNoNotANumber() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        Map<String, Tensor> weights = weights(layer);
        weights.replaceAll((name, w) -> name.startsWith("dynamic") ? Tensor.zeros(DType.F64, w.shape()) : w);
        layer.load(weights);
        Tensor x = Autograd.variable(X);
        Tensor y = layer.forward(x);
        Gradients gradients = Autograd.gradients(y, random("cotangent", B, N, D));
        assertThat(y.toDoubles()).doesNotContain(Double.NaN);
        layer.parameters()
                .values()
                .forEach(p -> assertThat(gradients.of(p.value()).toDoubles()).doesNotContain(Double.NaN));
    }

    @Test
    void slicesThatAreSwitchedOffHaveNoGradient() {
        ComposedAttention layer = layer(ComposedAttention.heads(H).sides(true, false).stages(false, true));
        Tensor y = layer.forward(X);
        Gradients gradients = Autograd.gradients(y, random("cotangent", B, N, D));
        for (String name : new String[] {"dw1", "qkw", "dd"}) {
            Tensor gradient = gradients.of(layer.parameters().get("dynamic." + name).value());
            Tensor byUse = gradient.viewAs(Shape.of(4, Math.toIntExact(gradient.elements() / 4)));
            for (int use = 0; use < 4; use++) {
                boolean zero =
                        ComposedCase.difference(
                                        Layout.slice(byUse, 0, use, use + 1), Tensor.zeros(DType.F64, 1, byUse.dim(1)))
                                == 0;
                assertThat(zero).as("%s, use %s", name, use).isEqualTo(use != DynamicFactors.POST);
            }
        }
    }

    @Test
    void noTokensGiveNothing() {
        assertThat(layer(ComposedAttention.heads(H)).forward(Tensor.zeros(DType.F64, B, 0, D)).elements()).isZero();
    }

    @Test
    void inputsThatDoNotFitAreRefused() {
        ComposedAttention layer = layer(ComposedAttention.heads(H));
        assertThatThrownBy(() -> layer.forward(random("narrow", B, N, D - 1)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("floating [B, tokens, 24] is needed");
        ComposedAttention other = layer(ComposedAttention.heads(H));
        assertThatThrownBy(() -> layer.advance(X, other.start(B, N, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("started by another layer");
        assertThatThrownBy(() -> layer.advance(X, layer.start(B + 1, N, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("it holds 3 sequences");
        assertThatThrownBy(() -> layer.start(0, 1, DType.F64)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> layer(ComposedAttention.heads(H).pattern(Patterns.full())).start(1, 1, DType.F64))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("use a causal pattern");
        Attention plain = Attention.multiHead(H).create(D, Seed.of(1));
        assertThatThrownBy(() -> layer.advance(X, plain.start(B, N, DType.F64))).isInstanceOf(InputException.class);
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        Projected p = layer(ComposedAttention.heads(H)).project(X, 0);
        AttentionPattern window = Patterns.causal();
        Tensor fewer = rows(p.k(), 0, N - 1);
        assertThatThrownBy(() -> ComposedProduct.attend(p.q(), fewer, fewer, null, null, window))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("M ≥ N");
        Composition wrong = p.pre().withKeys(rows(p.pre().byKey(), 0, N - 1));
        assertThatThrownBy(() -> ComposedProduct.attend(p.q(), p.k(), p.v(), wrong, null, window))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("factors of the keys");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'d_model': 15, 'n_heads': 3}|heads: 3 heads cannot be composed; use an even number, for example 4",
                "{'d_model': 15, 'n_heads': 1}|use an even number, for example 2",
                "{'d_model': 15, 'n_heads': 0}|use an even number, for example 2",
                "{'d_model': 15, 'n_heads': 4}|heads: width 15 is not divisible by 4 heads; use 12 or 16",
                "{'d_model': 16, 'n_heads': 4, 'n_kv_heads': 2}|n_kv_heads: 2 does not work",
                "{'d_model': 16, 'n_heads': 4, 'window': 0}|window: 0 is less than 1",
                "{'d_model': 16, 'n_heads': 4, 'dyn_hidden': 12}|dyn_hidden: 12 does not work, it is 2 · n_heads · dyn_rank; use 16",
                "{'d_model': 16, 'n_heads': 4, 'dyn_rank': 0}|rank: 0 is less than 1",
                "{'d_model': 16, 'n_heads': 4, 'head_dim': 0}|head width: 0 is less than 1",
                "{'d_model': 16, 'n_heads': 4, 'head_dim': 3}|heads of width 3",
                "{'d_model': 16, 'n_heads': 4, 'dyn_norm_eps': -1.0}|eps: -1.0",
                "{'d_model': 16, 'n_heads': 4, 'qk_norm_eps': -1.0}|eps: -1.0",
                "{'d_model': 16, 'n_heads': 4, 'rope_style': 'interleaved'}|rope_style: 'interleaved'",
                "{'d_model': 16, 'n_heads': 4, 'activation': 'relu'}|activation: 'relu' is not known",
                "{'d_model': 0, 'n_heads': 4}|width: 0 is less than 1",
            })
    void configurationsThatCannotWorkSayWhy(String config, String message) {
        Config parsed = Config.parse(config.replace('\'', '"'));
        assertThatThrownBy(() -> Catalog.load().variant("dcmha").build(parsed, Seed.of(0)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }
}
