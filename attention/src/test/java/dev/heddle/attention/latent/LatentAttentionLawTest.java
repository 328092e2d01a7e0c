package dev.heddle.attention.latent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.latent.LatentAttention.Execution;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Normalization;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;
import dev.heddle.positional.Rope;
import dev.heddle.positional.RotaryLayout;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

class LatentAttentionLawTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int N = 11;
    private static final int D = 13;
    private static final int H = 3;
    private static final int DN = 5;
    private static final int DR = 4;
    private static final int DV = 2;
    private static final int RC = 7;

    private static final LatentSpec SPEC =
            LatentAttention.heads(H).latentRank(RC).keyWidth(DN).rotaryWidth(DR).valueWidth(DV);
    private static final Tensor X = Tensors.random("x", B, N, D);

    private static void equal(Tensor a, Tensor b, double tolerance) {
        assertThat(Tensors.difference(a, b)).isLessThanOrEqualTo(tolerance);
    }

    private static void equal(Tensor a, Tensor b) {
        equal(a, b, EXACT);
    }

    private static Tensor rows(Tensor x, int from, int to) {
        return Layout.slice(x, 1, from, to);
    }

    // The last one leaves the first query without any key.
    private static AttentionPattern pattern(int choice) {
        return List.of(
                        Patterns.causal(),
                        Patterns.full(),
                        Patterns.local(2).and(Patterns.causal()),
                        Patterns.local(0).not().and(Patterns.causal()))
                .get(choice);
    }

    private static LatentSpec randomSpec(RandomGenerator random) {
        Rope.Spec rotary = Rope.base(random.nextInt(2, 10_000));
        LatentSpec spec =
                LatentAttention.heads(random.nextInt(1, 6))
                        .queryRank(random.nextBoolean() ? 0 : random.nextInt(1, 9))
                        .latentRank(random.nextInt(1, 14))
                        .keyWidth(random.nextInt(1, 10))
                        .rotaryWidth(2 * random.nextInt(1, 5))
                        .valueWidth(random.nextInt(1, 10))
                        .rotary(random.nextBoolean() ? rotary : rotary.halfSplit())
                        .pattern(pattern(random.nextInt(4)));
        return random.nextBoolean() ? spec : spec.longContext(LongContext.of(64, 8, 1 + random.nextInt(9)));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
    void expandedEqualsAbsorbedForwardAndBackward(long seed) {
        RandomGenerator random = Seed.of(seed).generator();
        int width = random.nextInt(1, 17);
        LatentAttention layer = Tensors.layer(randomSpec(random), width);
        Tensor x = Tensors.random("x", random.nextInt(1, 4), random.nextInt(1, 24), width);
        bothAgree(layer, x, 1e-11);
        layer.convert(DType.F32);
        bothAgree(layer, x.cast(DType.F32), 5e-5);
    }

    private static void bothAgree(LatentAttention layer, Tensor x, double tolerance) {
        equal(layer.forward(x, Execution.ABSORBED), layer.forward(x), tolerance);
        Map<String, Tensor> expanded = Tensors.gradients(layer, x, layer::forward);
        Tensors.gradients(layer, x, leaf -> layer.forward(leaf, Execution.ABSORBED))
                .forEach((name, gradient) -> equal(gradient, expanded.get(name), 10 * tolerance));
    }

    @ParameterizedTest
    @EnumSource
    void tokenByTokenAfterAnyPrefillEqualsTheWholeSequence(Execution execution) {
        for (LatentSpec spec : List.of(SPEC, SPEC.queryRank(6).pattern(pattern(2)), SPEC.pattern(pattern(3)))) {
            LatentAttention layer = Tensors.layer(spec, D);
            Tensor whole = layer.forward(X);
            LatentAttention.Latents cached = layer.latents(X, 0);
            for (int n = 0; n <= N; n++) {
                MixerState state = layer.start(B, 1, DType.F64);
                for (int from = 0, to = n; from < N; from = to, to++) {
                    // The step's own scope must not take the cache with it.
                    try (Scope _ = Scope.open()) {
                        Step step = layer.advance(rows(X, from, to), state, execution);
                        equal(step.y(), rows(whole, from, to));
                        state = step.state();
                        LatentAttention.Latents held = layer.latents((KeyValueCache) state);
                        equal(held.normed(), rows(cached.normed(), 0, to));
                        equal(held.rotated(), rows(cached.rotated(), 0, to));
                    }
                }
            }
        }
    }

    @Test
    void executionsCanChangeFromStepToStep() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        Tensor whole = layer.forward(X);
        MixerState state = layer.start(B, N, DType.F64);
        for (int i = 0; i < N; i++) {
            Step step = layer.advance(rows(X, i, i + 1), state, Execution.values()[i % 2]);
            equal(step.y(), rows(whole, i, i + 1));
            state = step.state();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7})
    void aCacheHoldsRankPlusRotaryWidthWhateverTheHeads(int heads) {
        LatentAttention layer =
                Tensors.layer(LatentAttention.heads(heads).latentRank(RC).keyWidth(DN).rotaryWidth(DR), D);
        MixerState state = layer.start(B, 4, DType.F64);
        for (int i = 0; i < N; i++) {
            state = layer.advance(rows(X, i, i + 1), state).state();
            assertThat(state.elements()).isEqualTo((long) B * (i + 1) * (RC + DR));
        }
        KeyValueCache cache = (KeyValueCache) state;
        long held = cache.keyMemory().elements() + cache.valueMemory().elements();
        assertThat(held).isEqualTo((long) B * cache.capacity() * (RC + DR));
    }

    // Uk in the query projection and Uv in the output projection: what is left is multi-query attention over the cache.
    @Test
    void absorbingAheadOfTimeChangesNothing() {
        LatentAttention layer = Tensors.layer(SPEC.queryRank(6), D);
        Map<String, Tensor> w = Tensors.weights(layer);
        Tensor queries = Layout.reshape(w.get("wq_b.weight"), H, DN + DR, 6);
        Tensor up = Layout.reshape(w.get("wkv_b.weight"), H, DN + DV, RC);
        Tensor keysUp = Layout.slice(up, 1, 0, DN);
        Tensor valuesUp = Layout.slice(up, 1, DN, DN + DV);
        Tensor foldedQuery = MatMul.product(Layout.transpose(keysUp), Layout.slice(queries, 1, 0, DN));
        Tensor out = Layout.permute(Layout.reshape(w.get("wo.weight"), D, H, DV), 1, 0, 2);
        Tensor foldedOut = Layout.reshape(Layout.permute(MatMul.product(out, valuesUp), 1, 0, 2), D, H * RC);

        Tensor rank =
                Normalization.rmsNorm(MatMul.linear(X, w.get("wq_a.weight"), null), w.get("q_norm.weight"), 0, 1e-6);
        Tensor plain = MatMul.linear(rank, Layout.reshape(foldedQuery, H * RC, 6), null);
        Tensor turning = MatMul.linear(rank, Layout.reshape(Layout.slice(queries, 1, DN, DN + DR), H * DR, 6), null);
        Tensor rotated =
                Rope.base(10_000).create(DR).onQueries(Layout.reshape(turning, B, N, H, DR), Positions.range(0, N));
        Tensor q = Layout.concatenate(-1, Layout.reshape(plain, B, N, H, RC), rotated);
        LatentAttention.Latents latents = layer.latents(X, 0);
        AttentionOptions options = AttentionOptions.of(Patterns.causal()).scaled(1 / Math.sqrt(DN + DR));
        Tensor heads = ScaledDotProduct.attend(q, latents.joined(), latents.values(), options).y();
        equal(MatMul.linear(Layout.reshape(heads, B, N, H * RC), foldedOut, null), layer.forward(X), 1e-10);
    }

    @Test
    void yarnWithFactorOneIsPlain() {
        LatentAttention plain = Tensors.layer(SPEC, D);
        LatentSpec yarn = SPEC.longContext(LongContext.of(64, 8, 1));
        equal(Tensors.layer(yarn, D, Tensors.weights(plain)).forward(X), plain.forward(X));
    }

    @Test
    void yarnActsOnlyBeyondTheOriginalLength() {
        LatentAttention plain = Tensors.layer(SPEC, D);
        Map<String, Tensor> weights = Tensors.weights(plain);
        equal(Tensors.layer(SPEC.longContext(LongContext.of(16, 16, 4)), D, weights).forward(X), plain.forward(X));
        Tensor extended = Tensors.layer(SPEC.longContext(LongContext.of(17, 16, 4)), D, weights).forward(X);
        assertThat(Tensors.difference(extended, plain.forward(X))).isGreaterThan(1e-4);
    }

    @ParameterizedTest
    @EnumSource
    void movingAllPositionsChangesNothing(Execution execution) {
        LatentAttention layer = Tensors.layer(SPEC.pattern(Patterns.full()), D);
        equal(layer.forward(X, 1000, execution), layer.forward(X), 1e-9);
    }

    @Test
    void halfSplitIsInterleavedWithRowsReordered() {
        LatentAttention interleaved = Tensors.layer(SPEC, D);
        RotaryLayout layout = new RotaryLayout(DR, DR);
        Map<String, Tensor> weights = new LinkedHashMap<>(Tensors.weights(interleaved));
        weights.computeIfPresent("wkv_a.weight", (_, w) -> lastRows(w, RC, layout));
        weights.computeIfPresent(
                "wq.weight",
                (_, w) -> {
                    Tensor[] heads = new Tensor[H];
                    for (int h = 0; h < H; h++) {
                        heads[h] = lastRows(Layout.slice(w, 0, h * (DN + DR), (h + 1) * (DN + DR)), DN, layout);
                    }
                    return Layout.concatenate(0, heads);
                });
        LatentAttention half = Tensors.layer(SPEC.rotary(Rope.base(10_000).halfSplit()), D, weights);
        equal(half.forward(X), interleaved.forward(X));
    }

    private static Tensor lastRows(Tensor w, int kept, RotaryLayout layout) {
        return Layout.concatenate(
                0, Layout.slice(w, 0, 0, kept), layout.toHalfSplit(Layout.slice(w, 0, kept, w.dim(0))));
    }

    @Test
    void bothExecutionsDoTheMultiplyAddsTheyAreChosenBy() {
        LatentAttention layer = Tensors.layer(SPEC.queryRank(6), D);
        MixerState state = layer.advance(rows(X, 0, 7), layer.start(B, N, DType.F64)).state();
        Tensor next = rows(X, 7, N);
        long pairs = H * Patterns.causal().pairs(0, N - 7, N);
        LatentSizes sizes = layer.sizes();
        assertThat(work(layer, next, state, Execution.EXPANDED)).isEqualTo(B * sizes.expanded(N - 7, N, pairs));
        assertThat(work(layer, next, state, Execution.ABSORBED)).isEqualTo(B * sizes.absorbed(N - 7, pairs));
    }

    private static long work(LatentAttention layer, Tensor x, MixerState state, Execution execution) {
        return WorkMeter.measure(() -> layer.advance(x, state, execution));
    }

    @Test
    void advanceTakesTheCheaperExecution() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        MixerState start = layer.start(B, N, DType.F64);
        assertThat(layer.cheaper(N, 0)).isEqualTo(Execution.EXPANDED);
        assertThat(WorkMeter.measure(() -> layer.advance(X, start)))
                .isEqualTo(work(layer, X, start, Execution.EXPANDED))
                .isLessThan(work(layer, X, start, Execution.ABSORBED));
        MixerState state = layer.advance(rows(X, 0, N - 1), start).state();
        Tensor last = rows(X, N - 1, N);
        assertThat(layer.cheaper(1, N - 1)).isEqualTo(Execution.ABSORBED);
        assertThat(WorkMeter.measure(() -> layer.advance(last, state)))
                .isEqualTo(work(layer, last, state, Execution.ABSORBED))
                .isLessThan(work(layer, last, state, Execution.EXPANDED));
    }

    // With DeepSeek-V3's widths; the number of heads does not matter.
    @Test
    void aChunkIsLongFrom165TokensOnBehind4096() {
        LatentAttention layer =
                LatentAttention.heads(2)
                        .latentRank(512)
                        .keyWidth(128)
                        .rotaryWidth(64)
                        .valueWidth(128)
                        .create(8, Seed.of(0));
        assertThat(layer.cheaper(164, 4096)).isEqualTo(Execution.ABSORBED);
        assertThat(layer.cheaper(165, 4096)).isEqualTo(Execution.EXPANDED);
    }

    @Test
    void sequencesOfABatchDoNotSeeEachOther() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        for (Execution execution : Execution.values()) {
            Tensor y = layer.forward(X, execution);
            for (int b = 0; b < B; b++) {
                equal(Layout.slice(y, 0, b, b + 1), layer.forward(Layout.slice(X, 0, b, b + 1), execution));
            }
        }
    }

    @Test
    void aForkLeavesTheOtherLineAsItWas() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        MixerState shared = layer.advance(rows(X, 0, 5), layer.start(B, 16, DType.F64)).state();
        Step a = layer.advance(rows(X, 5, 6), shared);
        Step b = layer.advance(rows(X, 9, 10), shared);
        Tensor right = Layout.concatenate(1, rows(X, 0, 5), rows(X, 9, 10));
        equal(b.y(), rows(layer.forward(right), 5, 6));
        equal(layer.advance(rows(X, 6, 7), a.state()).y(), rows(layer.forward(rows(X, 0, 7)), 6, 7));
    }

    @Test
    void noTokensGiveNothing() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        Tensor none = Tensor.zeros(DType.F64, B, 0, D);
        assertThat(layer.forward(none).shape()).isEqualTo(none.shape());
        Step step = layer.advance(none, layer.start(B, 1, DType.F64));
        assertThat(step.y().shape()).isEqualTo(none.shape());
        assertThat(step.state().length()).isZero();
    }

    @Test
    void widthsFollowFromTheModelsAndItsHeads() {
        assertThat(LatentAttention.heads(4).sizesIn(128)).isEqualTo(new LatentSizes(128, 4, 0, 32, 32, 16, 32));
        for (int width = 1; width < 20; width++) {
            for (int heads = 1; heads < 5; heads++) {
                Tensor x = Tensors.random("x", 1, 3, width);
                Tensor y = Tensors.layer(LatentAttention.heads(heads), width).forward(x);
                assertThat(y.shape()).isEqualTo(x.shape());
            }
        }
    }
}
