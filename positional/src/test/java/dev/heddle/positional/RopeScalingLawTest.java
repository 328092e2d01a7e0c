package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

class RopeScalingLawTest {
    private static final int ROTARY = 64;
    private static final double BASE = 10_000;

    private static double[] frequencies(RopeScaling scaling) {
        return scaling.frequencies(ROTARY, BASE);
    }

    @TestFactory
    Stream<DynamicTest> factorOneIsNoScalingExactly() {
        return Stream.of(
                        new RopeScaling.Linear(1),
                        new RopeScaling.Ntk(1),
                        RopeScaling.Yarn.of(1, 4096),
                        new RopeScaling.Llama3(1, 1, 4, 8192))
                .map(
                        scaling ->
                                DynamicTest.dynamicTest(
                                        scaling.toString(),
                                        () -> {
                                            assertThat(frequencies(scaling))
                                                    .containsExactly(frequencies(RopeScaling.none()));
                                            assertThat(scaling.attentionFactor()).isEqualTo(1);
                                        }));
    }

    @Test
    void dynamicUpToTheOriginalLengthIsNoScalingExactly() {
        for (int length : new int[] {1, 2047, 2048}) {
            assertThat(frequencies(new RopeScaling.Dynamic(4, 2048, length)))
                    .containsExactly(frequencies(RopeScaling.none()));
        }
    }

    @Test
    void dynamicWithFactorOneIsNtkOfTheLengthRatio() {
        assertThat(frequencies(new RopeScaling.Dynamic(1, 2048, 6144)))
                .containsExactly(frequencies(new RopeScaling.Ntk(3)));
    }

    @Test
    void linearAtTheFactorTimesAPositionIsUnscaledAtIt() {
        Rope scaled = Rope.base(BASE).scaling(new RopeScaling.Linear(4)).create(ROTARY);
        Rope plain = Rope.base(BASE).create(ROTARY);
        assertThat(
                        Tensors.difference(
                                scaled.cosines(Positions.of(0, 4, 400), DType.F64),
                                plain.cosines(Positions.of(0, 1, 100), DType.F64)))
                .isZero();
    }

    @Test
    void ntkDividesTheSlowestFrequencyAndKeepsTheFastest() {
        double[] w = frequencies(RopeScaling.none());
        double[] scaled = frequencies(new RopeScaling.Ntk(5));
        assertThat(scaled[0]).isEqualTo(1);
        assertThat(scaled[scaled.length - 1]).isCloseTo(w[w.length - 1] / 5, within(1e-18));
    }

    @Test
    void yarnAndLlamaKeepFastPairsAndInterpolateSlowOnes() {
        double[] w = frequencies(RopeScaling.none());
        for (RopeScaling scaling : List.of(RopeScaling.Yarn.of(8, 4096), new RopeScaling.Llama3(8, 1, 4, 4096))) {
            double[] scaled = frequencies(scaling);
            assertThat(scaled[0]).isEqualTo(w[0]);
            assertThat(scaled[scaled.length - 1]).isEqualTo(w[w.length - 1] / 8);
            for (int i = 0; i < w.length; i++) {
                assertThat(scaled[i] / w[i]).isBetween(1.0 / 8, 1.0);
            }
            assertThat(Arrays.stream(scaled).boxed().toList()).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        }
    }

    @Test
    void yarnSharpensScoresByTheLogarithmOfTheFactor() {
        assertThat(RopeScaling.Yarn.of(Math.E, 64).attentionFactor()).isCloseTo(1.1, within(1e-15));
        assertThat(RopeScaling.Yarn.magnitude(40, 0.707)).isCloseTo(0.1 * 0.707 * Math.log(40) + 1, within(1e-15));
        assertThat(RopeScaling.Yarn.magnitude(0.5, 1)).isEqualTo(1);
    }

    // A head so narrow, or an original length so short, that the ramp has no width.
    @Test
    void yarnOfADegenerateRampStaysFinite() {
        for (int rotary : new int[] {2, 4, 8}) {
            for (int original : new int[] {1, 7, 1_000_000_000}) {
                for (double w : RopeScaling.Yarn.of(4, original).frequencies(rotary, BASE)) {
                    assertThat(w).isPositive().isLessThanOrEqualTo(1);
                }
            }
        }
    }

    @TestFactory
    Stream<DynamicTest> senselessScalingsAreRefused() {
        return Stream.of(
                        refused("factor", () -> new RopeScaling.Linear(0.5)),
                        refused("factor", () -> new RopeScaling.Linear(Double.NaN)),
                        refused("factor", () -> new RopeScaling.Ntk(Double.POSITIVE_INFINITY)),
                        refused("factor", () -> new RopeScaling.Dynamic(0, 16, 16)),
                        refused("original_max_positions", () -> new RopeScaling.Dynamic(2, 0, 16)),
                        refused("seq_len", () -> new RopeScaling.Dynamic(2, 16, 0)),
                        refused("beta_fast", () -> new RopeScaling.Yarn(2, 16, 1, 32, 1)),
                        refused("beta_slow", () -> new RopeScaling.Yarn(2, 16, 32, 0, 1)),
                        refused("attention_factor", () -> new RopeScaling.Yarn(2, 16, 32, 1, -1)),
                        refused("low_freq_factor", () -> new RopeScaling.Llama3(2, 4, 4, 16)),
                        refused("low_freq_factor", () -> new RopeScaling.Llama3(2, 0, 4, 16)),
                        refused("2 rotary columns", () -> new RopeScaling.Ntk(2).frequencies(2, BASE)),
                        refused("2 rotary columns", () -> new RopeScaling.Dynamic(2, 4, 8).frequencies(2, BASE)))
                .flatMap(List::stream);
    }

    private static List<DynamicTest> refused(String word, ThrowingCallable construction) {
        return List.of(
                DynamicTest.dynamicTest(
                        word,
                        () ->
                                assertThatThrownBy(construction)
                                        .isInstanceOf(ConfigException.class)
                                        .hasMessageContaining(word)));
    }

    @Test
    void scalingsThatDoNotDivideByZeroTakeTwoColumns() {
        assertThatCode(() -> new RopeScaling.Linear(2).frequencies(2, BASE)).doesNotThrowAnyException();
    }
}
