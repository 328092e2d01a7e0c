package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.attention.Attention;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.Glu;
import dev.heddle.mlp.Mlp;
import dev.heddle.positional.Learned;
import dev.heddle.positional.Positions;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Laws of decoder stacks. Vocabulary 13, batch 2, length 11, width 12: a different size on every axis.
class DecoderStackTest {
    private static final int VOCABULARY = 13;
    private static final int LENGTH = 11;

    private static final LlamaDecoder LLAMA = llama(true);

    private static LlamaDecoder llama(boolean tied) {
        return new LlamaDecoder(
                VOCABULARY,
                24,
                6,
                2,
                3,
                64,
                14,
                false,
                Activation.SILU,
                1e-5,
                10_000,
                LlamaDecoder.RopeLayout.INTERLEAVED,
                tied);
    }

    static Stream<Placement> placements() {
        return Stream.of(Placement.PRE, Placement.POST, Placement.SANDWICH, Placement.SUBLN, Placement.deepNormFor(2));
    }

    private static DecoderStack stack(Placement placement) {
        return wide(
                DecoderStack.builder()
                        .vocabulary(VOCABULARY)
                        .width(12)
                        .depth(2)
                        .mixer(Attention.grouped(6, 2))
                        .feedForward(Mlp.hidden(20))
                        .position(Learned.max(17))
                        .placement(placement)
                        .build(Seed.of(3)));
    }

    // In double, with weights large enough to tell right from wrong.
    private static DecoderStack wide(DecoderStack model) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        model.parameters()
                .forEach(
                        (name, parameter) -> {
                            double[] values = parameter.value().toDoubles();
                            for (int i = 0; i < values.length; i++) {
                                values[i] = name.contains("norm") ? values[i] : 12 * values[i];
                            }
                            weights.put(name, Tensor.of(values, parameter.value().shape().toArray()));
                        });
        model.convert(DType.F64);
        model.load(weights);
        return model;
    }

    private static Tensor tokens() {
        return Tensor.of(Seed.of(5).generator().ints(2 * LENGTH, 0, VOCABULARY).toArray(), 2, LENGTH);
    }

    private static void assertSame(Tensor found, Tensor expected, double tolerance) {
        assertThat(found.shape()).isEqualTo(expected.shape());
        assertThat(largestDifference(found.toDoubles(), expected.toDoubles()))
                .as("largest absolute difference")
                .isLessThanOrEqualTo(tolerance);
    }

    private static double largestDifference(double[] a, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).max().orElse(0);
    }

    @ParameterizedTest
    @MethodSource("placements")
    void cachedDecodeEqualsFull(Placement placement) {
        DecoderStack model = stack(placement);
        assertSame(advanced(model, 1), model.forward(tokens()), 1e-12);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 11, 50})
    void chunkedPrefillEqualsFull(int chunk) {
        DecoderStack model = wide(LLAMA.build(Seed.of(1)));
        Tensor full = model.forward(tokens());
        assertSame(advanced(model, chunk), full, 1e-12);
        DecoderStack.Step prefilled = model.prefill(tokens(), model.start(2, 5), chunk);
        assertSame(prefilled.logits(), Layout.slice(full, 1, LENGTH - 1, LENGTH), 1e-12);
        assertThat(prefilled.state().length()).isEqualTo(LENGTH);
        assertThat(prefilled.state().elements()).isEqualTo(2 * model.stateElements(LENGTH));
    }

    private static Tensor advanced(DecoderStack model, int chunk) {
        DecodeState state = model.start(2, LENGTH);
        Tensor logits = null;
        for (int from = 0; from < LENGTH; from += chunk) {
            Tensor part = Layout.slice(tokens(), 1, from, Math.min(LENGTH, from + chunk));
            DecoderStack.Step step = model.advance(part, state);
            state = step.state();
            logits = logits == null ? step.logits() : Layout.concatenate(1, logits, step.logits());
        }
        return logits;
    }

    @Test
    void aForkedSequenceDoesNotDisturbTheOther() {
        DecoderStack model = wide(LLAMA.build(Seed.of(1)));
        DecodeState fork = model.prefill(tokens(), model.start(2, LENGTH + 2), 4).state();
        Tensor a = Tensor.of(new int[] {1, 2}, 2, 1);
        Tensor b = Tensor.of(new int[] {3, 4}, 2, 1);
        DecoderStack.Step afterA = model.advance(a, fork);
        model.advance(b, fork);
        Tensor expected = model.forward(Layout.concatenate(1, tokens(), a, b));
        assertSame(model.advance(b, afterA.state()).logits(), Layout.slice(expected, 1, LENGTH + 1, LENGTH + 2), 1e-12);
    }

    @Test
    void tokensSeeOnlyThoseBefore() {
        DecoderStack model = stack(Placement.PRE);
        int[] changed = tokens().toInts();
        changed[LENGTH - 1] = (changed[LENGTH - 1] + 1) % VOCABULARY;
        Tensor before = Layout.slice(model.forward(tokens()), 1, 0, LENGTH - 1);
        Tensor after = Layout.slice(model.forward(Tensor.of(changed, 2, LENGTH)), 1, 0, LENGTH - 1);
        assertThat(after.toDoubles()).containsExactly(before.toDoubles());
    }

    @Test
    void asManyKeyValueHeadsAsHeadsIsMultiHeadAttention() {
        var grouped =
                new LlamaDecoder(
                        VOCABULARY,
                        24,
                        6,
                        6,
                        2,
                        64,
                        14,
                        false,
                        Activation.SILU,
                        1e-5,
                        10_000,
                        LlamaDecoder.RopeLayout.HALF,
                        false);
        DecoderStack multiHead =
                DecoderStack.builder()
                        .vocabulary(VOCABULARY)
                        .width(24)
                        .depth(2)
                        .mixer(Attention.multiHead(6).bias(false))
                        .with(Rope.base(10_000).halfSplit())
                        .feedForward(Glu.swiglu(14).bias(false))
                        .tied(false)
                        .build(Seed.of(1));
        assertSame(grouped.build(Seed.of(1)).forward(tokens()), multiHead.forward(tokens()), 0);
    }

    @Test
    void interleavedWeightsBecomeHalfSplitOnesByPermutingRowsInEachHead() {
        DecoderStack interleaved = wide(LLAMA.build(Seed.of(1)));
        DecoderStack half =
                new LlamaDecoder(
                                VOCABULARY,
                                24,
                                6,
                                2,
                                3,
                                64,
                                14,
                                false,
                                Activation.SILU,
                                1e-5,
                                10_000,
                                LlamaDecoder.RopeLayout.HALF,
                                true)
                        .build(Seed.of(1));
        half.convert(DType.F64);
        Map<String, Tensor> weights = new HashMap<>();
        interleaved
                .parameters()
                .forEach(
                        (name, parameter) ->
                                weights.put(
                                        name,
                                        name.endsWith("wq.weight") || name.endsWith("wk.weight")
                                                ? halfRows(parameter.value(), 4)
                                                : parameter.value()));
        half.load(weights);
        assertSame(half.forward(tokens()), interleaved.forward(tokens()), 1e-12);
    }

    // Row c·d/2 + i of a head of width d is the old row 2i + c.
    private static Tensor halfRows(Tensor weight, int headWidth) {
        int columns = weight.dim(1);
        double[] old = weight.toDoubles();
        double[] rows = new double[old.length];
        for (int row = 0; row < weight.dim(0); row++) {
            int head = row / headWidth * headWidth;
            int within = row % headWidth;
            int source = head + 2 * (within % (headWidth / 2)) + within / (headWidth / 2);
            System.arraycopy(old, source * columns, rows, row * columns, columns);
        }
        return Tensor.of(rows, weight.dim(0), columns);
    }

    @Test
    void shiftingAllRotaryPositionsLeavesTheLogits() {
        assertSame(rotary(1000).forward(tokens()), rotary(0).forward(tokens()), 1e-10);
    }

    private static DecoderStack rotary(int shift) {
        QueryKeyPosition.Factory shifted = headWidth -> new Shifted(Rope.base(10_000).create(headWidth), shift);
        return wide(
                DecoderStack.builder()
                        .vocabulary(VOCABULARY)
                        .width(12)
                        .depth(2)
                        .mixer(Attention.multiHead(3).position(shifted))
                        .feedForward(Glu.swiglu(14))
                        .build(Seed.of(9)));
    }

    private static final class Shifted extends QueryKeyPosition {
        private final Rope rope;
        private final int shift;

        Shifted(Rope rope, int shift) {
            this.rope = rope;
            this.shift = shift;
        }

        @Override
        public Tensor onQueries(Tensor queries, Positions positions) {
            return rope.onQueries(queries, Positions.range(positions.at(0) + shift, positions.count()));
        }

        @Override
        public Tensor onKeys(Tensor keys, Positions positions) {
            return rope.onKeys(keys, Positions.range(positions.at(0) + shift, positions.count()));
        }
    }

    @Test
    void gradientOfATiedMatrixIsTheSumOfBothUses() {
        DecoderStack tied = wide(LLAMA.build(Seed.of(1)));
        DecoderStack untied = llama(false).build(Seed.of(1));
        untied.convert(DType.F64);
        Map<String, Tensor> weights = new HashMap<>();
        tied.parameters().forEach((name, parameter) -> weights.put(name, parameter.value()));
        weights.put("head.weight", weights.get("embedding.weight"));
        untied.load(weights);
        Tensor whole = gradient(tied, "embedding.weight");
        double[] parts = gradient(untied, "embedding.weight").toDoubles();
        double[] output = gradient(untied, "head.weight").toDoubles();
        for (int i = 0; i < parts.length; i++) {
            parts[i] += output[i];
        }
        assertThat(largestDifference(whole.toDoubles(), parts)).isLessThanOrEqualTo(1e-12);
    }

    private static Tensor gradient(DecoderStack model, String parameter) {
        Gradients gradients = Autograd.gradients(CrossEntropy.mean(model.forward(tokens()), tokens()));
        return gradients.of(model.parameters().get(parameter).value());
    }

    @Test
    void lossOfANewModelIsThatOfGuessing() {
        DecoderStack model = GptDecoder.nanoGptCpu(65).build(Seed.of(2));
        Tensor text = Tensor.of(Seed.of(4).generator().ints(4 * 64, 0, 65).toArray(), 4, 64);
        Tensor next = Tensor.of(Seed.of(6).generator().ints(4 * 64, 0, 65).toArray(), 4, 64);
        double loss = CrossEntropy.mean(model.forward(text), next).item();
        assertThat(loss).isCloseTo(Math.log(65), within(0.02 * Math.log(65)));
    }

    @Test
    void aTiedMatrixIsListedOnce() {
        assertThat(LLAMA.build(Seed.of(1)).parameters())
                .containsKey("embedding.weight")
                .doesNotContainKey("head.weight");
    }

    @Test
    void hiddenStatesAreSeenInOrder() {
        Map<String, Tensor> seen = new LinkedHashMap<>();
        stack(Placement.PRE).forward(tokens(), seen::put);
        assertThat(seen.keySet()).containsExactly("embedding", "hidden.0", "hidden.1", "final_norm");
    }

    @Test
    void sameSeedSameParametersAndAnotherSeedOthers() {
        Tensor a = LLAMA.build(Seed.of(1)).forward(tokens());
        assertThat(LLAMA.build(Seed.of(1)).forward(tokens()).toFloats()).containsExactly(a.toFloats());
        assertThat(LLAMA.build(Seed.of(2)).forward(tokens()).toFloats()).isNotEqualTo(a.toFloats());
    }

    @Test
    void deepNormWithAlphaOneIsPostNorm() {
        DecoderStack post = stack(Placement.POST);
        DecoderStack deep = stack(Placement.deepNorm(1));
        Map<String, Tensor> weights = new HashMap<>();
        post.parameters().forEach((name, parameter) -> weights.put(name, parameter.value()));
        deep.load(weights);
        assertSame(deep.forward(tokens()), post.forward(tokens()), 1e-14);
    }
}
