package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.NumericException;
import dev.heddle.core.tensor.Seed;

import org.junit.jupiter.api.Test;

import java.util.random.RandomGenerator;

class SamplingTest {
    private static final int DRAWS = 20_000;

    // Probabilities 0.1, 0.4, 0.2, 0.3.
    private static final float[] LOGITS = {
        (float) Math.log(0.1), (float) Math.log(0.4), (float) Math.log(0.2), (float) Math.log(0.3)
    };

    private static double[] frequencies(Sampling sampling) {
        RandomGenerator random = Seed.of(11).generator();
        double[] frequencies = new double[LOGITS.length];
        for (int i = 0; i < DRAWS; i++) {
            frequencies[sampling.choose(LOGITS, random)] += 1.0 / DRAWS;
        }
        return frequencies;
    }

    @Test
    void greedyTakesTheLikeliestAndTheFirstAmongEquals() {
        RandomGenerator random = Seed.of(1).generator();
        assertThat(Sampling.greedy().choose(LOGITS, random)).isEqualTo(1);
        assertThat(Sampling.greedy().choose(new float[] {-3, -1, -1}, random)).isEqualTo(1);
    }

    @Test
    void temperatureOneDrawsByProbability() {
        assertThat(frequencies(Sampling.at(1))).containsExactly(new double[] {0.1, 0.4, 0.2, 0.3}, within(0.015));
    }

    @Test
    void temperatureHalfSquaresProbabilities() {
        double total = 0.01 + 0.16 + 0.04 + 0.09;
        assertThat(frequencies(Sampling.at(0.5)))
                .containsExactly(new double[] {0.01 / total, 0.16 / total, 0.04 / total, 0.09 / total}, within(0.015));
    }

    @Test
    void topKDrawsAmongTheLikeliestOnly() {
        assertThat(frequencies(Sampling.at(1).topK(2)))
                .containsExactly(new double[] {0, 4.0 / 7, 0, 3.0 / 7}, within(0.015));
        assertThat(frequencies(Sampling.at(1).topK(1))).containsExactly(new double[] {0, 1, 0, 0}, within(1e-9));
    }

    @Test
    void topPDrawsAmongTheFewestThatReachIt() {
        assertThat(frequencies(Sampling.at(1).topP(0.65)))
                .containsExactly(new double[] {0, 4.0 / 7, 0, 3.0 / 7}, within(0.015));
        assertThat(frequencies(Sampling.at(1).topP(0.75)))
                .containsExactly(new double[] {0, 4.0 / 9, 2.0 / 9, 3.0 / 9}, within(0.015));
        assertThat(frequencies(Sampling.at(1).topP(1e-9))).containsExactly(new double[] {0, 1, 0, 0}, within(1e-9));
    }

    @Test
    void refusesNonsense() {
        assertThatThrownBy(() -> Sampling.at(-1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Sampling.at(1).topP(0)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Sampling.at(1).topK(-1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Sampling.greedy().choose(new float[] {1, Float.NaN}, Seed.of(1).generator()))
                .isInstanceOf(NumericException.class);
    }
}
