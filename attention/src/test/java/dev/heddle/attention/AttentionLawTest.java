package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Normalization;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Alibi;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

class AttentionLawTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int N = 7;
    private static final int D = 12;
    private static final int H = 6;
    private static final int WIDTH = 5;

    private static final Tensor X = Tensors.random("x", B, N, D);

    private static void equal(Tensor a, Tensor b) {
        assertThat(Tensors.difference(a, b)).isLessThanOrEqualTo(EXACT);
    }

    @Test
    void groupedWithOneGroupPerHeadEqualsMultiHead() {
        Attention multiHead = Tensors.layer(Attention.multiHead(H).bias(true), D);
        equal(
                Tensors.layer(Attention.grouped(H, H).bias(true), D, Tensors.weights(multiHead)).forward(X),
                multiHead.forward(X));
    }

    // Padding on the left, on the right, and of a whole sequence.
    @ParameterizedTest
    @CsvSource({"mha, ''", "gqa, ', \"n_kv_heads\": 3'", "mqa, ', \"rope_theta\": 50.0'"})
    void cachedFormsSeeNoPadding(String id, String more) {
        Config config = Config.parse("{\"d_model\": " + D + ", \"n_heads\": 6, \"bias\": true" + more + "}");
        Subject subject = Catalog.load().variant(id).build(config, Seed.of(3));
        subject.module().convert(DType.F64);
        Tensor x = Tensors.random("x", 3, N, D);
        boolean[] real = new boolean[3 * N];
        for (int i = 0; i < N; i++) {
            real[i] = i > 1;
            real[N + i] = i < 4;
        }
        Map<String, Tensor> inputs = Map.of("x", x, "key_mask", Tensor.of(real, 3, N));
        Tensor parallel = subject.run(inputs, Form.PARALLEL).get("y");
        for (Form form : new Form[] {Form.RECURRENT, new Form.Chunkwise(3)}) {
            equal(subject.run(inputs, form).get("y"), parallel);
        }
        assertThat(Tensors.difference(subject.run(Map.of("x", x), Form.RECURRENT).get("y"), parallel)).isPositive();
    }

    @Test
    void groupedWithOneGroupEqualsMultiQuery() {
        Attention multiQuery = Tensors.layer(Attention.multiQuery(H).headWidth(WIDTH), D);
        Attention grouped = Tensors.layer(Attention.grouped(H, 1).headWidth(WIDTH), D, Tensors.weights(multiQuery));
        assertThat(Tensors.difference(grouped.forward(X), multiQuery.forward(X))).isZero();
    }

    // With 1 < G < H and unequal heads, tiling the key heads instead of repeating each in place gives something else.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void groupedEqualsMultiHeadWithEachKeyHeadRepeatedInPlace(int groups) {
        Attention grouped = Tensors.layer(Attention.grouped(H, groups).headWidth(WIDTH).bias(true), D);
        Map<String, Tensor> repeated = new LinkedHashMap<>(Tensors.weights(grouped));
        repeated.replaceAll((name, w) -> isShared(name) ? Tensors.repeatHeads(w, groups, H / groups) : w);
        Attention multiHead = Tensors.layer(Attention.multiHead(H).headWidth(WIDTH).bias(true), D, repeated);

        equal(grouped.forward(X), multiHead.forward(X));
        Map<String, Tensor> all = Tensors.gradients(multiHead, X, multiHead::forward);
        Tensors.gradients(grouped, X, grouped::forward)
                .forEach(
                        (name, gradient) ->
                                equal(
                                        gradient,
                                        isShared(name)
                                                ? Tensors.sumHeads(all.get(name), groups, H / groups)
                                                : all.get(name)));
    }

    private static boolean isShared(String name) {
        return name.startsWith("wk.") || name.startsWith("wv.");
    }

    @Test
    void permutingHeadsChangesNothing() {
        Attention layer = Tensors.layer(Attention.multiHead(3), D);
        Map<String, Tensor> turned = new LinkedHashMap<>(Tensors.weights(layer));
        turned.replaceAll((name, w) -> turn(w, name.startsWith("wo.") ? 1 : 0));
        equal(Tensors.layer(Attention.multiHead(3), D, turned).forward(X), layer.forward(X));
    }

    // The first of three heads becomes the last.
    private static Tensor turn(Tensor w, int axis) {
        int head = w.dim(axis) / 3;
        return Layout.concatenate(axis, Tensors.rows(w, axis, head, 3 * head), Tensors.rows(w, axis, 0, head));
    }

    @Test
    void crossAttentionToItselfIsSelfAttention() {
        AttentionSpec spec = Attention.grouped(4, 2).pattern(Patterns.full()).bias(true);
        Attention self = Tensors.layer(spec, D);
        Attention cross = Tensors.layer(spec.contextWidth(D), D, Tensors.weights(self));
        equal(cross.forward(X, X, null), self.forward(X));
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "F64"})
    void paddingChangesNothingWhateverItHolds(DType dtype) {
        Attention cross = Tensors.layer(Attention.grouped(4, 2).pattern(Patterns.full()).contextWidth(5), D);
        cross.convert(dtype);
        Tensor real = Tensors.random("context", B, 9, 5).cast(dtype);
        Tensor other = real.copy();
        boolean[] mask = new boolean[B * 9];
        for (int j = 0; j < mask.length; j++) {
            mask[j] = j % 4 != 1;
            if (!mask[j]) {
                other.viewAt(j * 5L, Shape.of(5)).fill(1e30);
            }
        }
        Tensor keyMask = Tensor.of(mask, B, 9);
        Tensor x = X.cast(dtype);
        assertThat(Tensors.difference(cross.forward(x, other, keyMask), cross.forward(x, real, keyMask))).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "F64"})
    void paddedKeysOfSelfAttentionChangeNoRealRow(DType dtype) {
        Attention layer = Tensors.layer(Attention.grouped(4, 2), D);
        layer.convert(dtype);
        Tensor x = Tensors.random("x", 1, N, D).cast(dtype);
        Tensor other = x.copy();
        other.viewAt(2L * D, Shape.of(D)).fill(1e30);
        Tensor keyMask = Tensor.of(new boolean[] {true, true, false, true, true, true, true}, 1, N);
        Tensor a = layer.forwardPadded(x, keyMask);
        Tensor b = layer.forwardPadded(other, keyMask);
        assertThat(Tensors.difference(Tensors.rows(a, 1, 0, 2), Tensors.rows(b, 1, 0, 2))).isZero();
        assertThat(Tensors.difference(Tensors.rows(a, 1, 3, N), Tensors.rows(b, 1, 3, N))).isZero();
    }

    @Test
    void aMaskOfOnesIsNoMask() {
        Attention layer = Tensors.layer(Attention.multiHead(2), D);
        boolean[] ones = new boolean[B * N];
        Arrays.fill(ones, true);
        equal(layer.forwardPadded(X, Tensor.of(ones, B, N)), layer.forward(X));
    }

    @Test
    void sequencesOfABatchDoNotSeeEachOther() {
        Attention layer = Tensors.layer(Attention.grouped(6, 3).position(Rope.base(100)).headWidth(4), D);
        Tensor y = layer.forward(X);
        for (int b = 0; b < B; b++) {
            equal(Tensors.rows(y, 0, b, b + 1), layer.forward(Tensors.rows(X, 0, b, b + 1)));
        }
    }

    @Test
    void causalRowsDoNotSeeLaterTokens() {
        Attention layer = Tensors.layer(Attention.grouped(6, 2).position(Alibi.standard()), D);
        Tensor y = layer.forward(X);
        for (int n = 1; n < N; n++) {
            equal(Tensors.rows(y, 1, 0, n), layer.forward(Tensors.rows(X, 1, 0, n)));
        }
    }

    @Test
    void localWithAWindowOfTheWholeLengthIsCausal() {
        Attention causal = Tensors.layer(Attention.multiHead(3), D);
        AttentionPattern wide = Patterns.local(N - 1).and(Patterns.causal());
        equal(
                Tensors.layer(Attention.multiHead(3).pattern(wide), D, Tensors.weights(causal)).forward(X),
                causal.forward(X));
    }

    @Test
    void localWithoutNeighboursGivesTheValues() {
        Attention layer = Tensors.layer(Attention.multiHead(3).withoutOutputProjection().pattern(Patterns.local(0)), D);
        Tensor values = MatMul.linear(X, Tensors.weights(layer).get("wv.weight"), null);
        equal(layer.forward(X), values);
    }

    @Test
    void rotaryScoresDependOnDistanceOnly() {
        Attention layer = Tensors.layer(Attention.grouped(4, 2).headWidth(6).position(Rope.base(50)), D);
        Tensor near = layer.writtenOut(layer.project(X, X, 0), null).probabilities();
        Tensor far = layer.writtenOut(layer.project(X, X, 1000), null).probabilities();
        assertThat(Tensors.difference(near, far)).isLessThanOrEqualTo(1e-10);
    }

    @Test
    void aWideSoftcapIsNone() {
        Attention plain = Tensors.layer(Attention.multiHead(3), D);
        Attention capped = Tensors.layer(Attention.multiHead(3).softcap(1e7), D, Tensors.weights(plain));
        assertThat(Tensors.difference(capped.forward(X), plain.forward(X))).isLessThanOrEqualTo(1e-9);
    }

    @Test
    void aSoftcapOfNullIsNone() {
        Variant flash = Catalog.load().variant("flash");
        Subject none = flash.build(Config.parse("{\"n_heads\": 3, \"head_dim\": 5, \"softcap\": null}"), Seed.of(1));
        Subject zero = flash.build(Config.parse("{\"n_heads\": 3, \"head_dim\": 5, \"softcap\": 0}"), Seed.of(1));
        Map<String, Tensor> inputs = zero.sampleInputs(2, 7, DType.F64, Seed.of(2));
        assertThat(none.run(inputs, Form.PARALLEL).get("y").toDoubles())
                .containsExactly(zero.run(inputs, Form.PARALLEL).get("y").toDoubles());
    }

    @Test
    void writtenOutProbabilitiesGiveTheOutput() {
        Attention layer =
                Tensors.layer(
                        Attention.grouped(6, 3)
                                .headWidth(4)
                                .softcap(2)
                                .position(Alibi.standard())
                                .withoutOutputProjection()
                                .pattern(Patterns.local(3)),
                        D);
        Attention.Projected p = layer.project(X, X, 0);
        Tensor y = layer.writtenOut(p, null).attend(p.v(), 0);
        equal(Layout.reshape(y, B, N, -1), layer.forward(X));
    }

    @Test
    void dropoutKeepsTheMeanAndOnlyActsInTraining() {
        Attention plain = Tensors.layer(Attention.multiHead(2), D);
        Attention dropping = Tensors.layer(Attention.multiHead(2).dropout(0.3), D, Tensors.weights(plain));
        Tensor y = plain.forward(X);
        equal(dropping.forward(X), y);
        double mean = 0;
        int runs = 300;
        for (int i = 0; i < runs; i++) {
            mean += TrainingPass.run(Seed.of(i), () -> dropping.forward(X)).at(40) / runs;
        }
        assertThat(mean).isCloseTo(y.at(40), within(0.2));
        Tensor once = TrainingPass.run(Seed.of(1), () -> dropping.forward(X));
        assertThat(Tensors.difference(once, TrainingPass.run(Seed.of(1), () -> dropping.forward(X)))).isZero();
        assertThat(Tensors.difference(once, y)).isGreaterThan(0.01);
    }

    @Test
    void innerNormComesBeforeTheOutputProjection() {
        Attention joined = Tensors.layer(Attention.multiHead(3).withoutOutputProjection(), D);
        Attention layer =
                Tensors.layer(Attention.multiHead(3).innerNorm(width -> new LayerNorm(width, 1e-5, true, true)), D);
        Map<String, Tensor> weights = new LinkedHashMap<>(Tensors.weights(layer));
        weights.putAll(Tensors.weights(joined));
        layer.load(weights);
        Tensor normed =
                Normalization.layerNorm(
                        joined.forward(X),
                        weights.get("inner_attn_norm.weight"),
                        weights.get("inner_attn_norm.bias"),
                        1e-5);
        equal(layer.forward(X), MatMul.linear(normed, weights.get("wo.weight"), null));
    }

    @Test
    void noQueriesGiveNothingAndNoKeysGiveTheBias() {
        Attention cross = Tensors.layer(Attention.multiHead(3).pattern(Patterns.full()).contextWidth(5).bias(true), D);
        assertThat(cross.forward(Tensors.random("x", B, 0, D), Tensors.random("c", B, 4, 5), null).elements()).isZero();
        Tensor y = cross.forward(X, Tensor.zeros(DType.F64, B, 0, 5), null);
        Tensor bias = Tensors.weights(cross).get("wo.bias");
        equal(y, Layout.expand(bias, y.shape()));
    }
}
