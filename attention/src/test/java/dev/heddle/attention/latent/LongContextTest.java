package dev.heddle.attention.latent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.positional.Rope;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LongContextTest {
    private static final double BASE = 10_000;

    // The frequencies of DeepSeek-V3's code, written out once more; among the cases is a ramp without width and one
    // that
    // ends beyond the last pair.
    @ParameterizedTest
    @CsvSource({
        "8, 64, 16, 4, 32, 1",
        "64, 163840, 4096, 40, 32, 1",
        "6, 71, 13, 5.5, 2, 0.1",
        "2, 9, 1, 3, 32, 1",
        "16, 2000000, 1000000, 2, 4, 1"
    })
    void frequenciesAreThoseOfDeepSeek(
            int rotary, int longest, int original, double factor, double betaFast, double betaSlow) {
        var context = new LongContext(longest, original, factor, betaFast, betaSlow, 1);
        double[] found = context.extend(Rope.base(BASE)).create(rotary).frequencies();
        double low = Math.max(Math.floor(correction(rotary, original, betaFast)), 0);
        double high = Math.min(Math.ceil(correction(rotary, original, betaSlow)), rotary - 1);
        high += low == high ? 0.001 : 0;
        assertThat(found).hasSize(rotary / 2);
        for (int m = 0; m < found.length; m++) {
            double plain = Math.pow(BASE, -2.0 * m / rotary);
            double ramp = Math.min(1, Math.max(0, (m - low) / (high - low)));
            assertThat(found[m]).isCloseTo(plain / factor * ramp + plain * (1 - ramp), within(1e-15));
        }
    }

    private static double correction(int rotary, int original, double turns) {
        return rotary * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(BASE));
    }

    @ParameterizedTest
    @CsvSource({"64, 16, 4, 1, 1.138629436", "64, 16, 4, 0.707, 1.098011011", "64, 16, 1, 1, 1", "16, 16, 4, 1, 1"})
    void scoresGrowByTheSquareOfTheMagnitude(
            int longest, int original, double factor, double mscale, double magnitude) {
        var context = new LongContext(longest, original, factor, 32, 1, mscale);
        assertThat(context.scoreFactor()).isCloseTo(magnitude * magnitude, within(1e-8));
        assertThat(context.extend(Rope.base(BASE)).create(8).attentionFactor()).isEqualTo(1);
    }
}
