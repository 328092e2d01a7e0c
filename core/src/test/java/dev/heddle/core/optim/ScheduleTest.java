package dev.heddle.core.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;

class ScheduleTest {
    private final LearningRate rate = LearningRate.warmupCosine(1e-2, 1e-3, 4, 10);

    @Test
    void warmUpIsLinearAndNeverZero() {
        assertThat(rate.at(0)).isCloseTo(1e-2 / 5, within(1e-15));
        assertThat(rate.at(3)).isCloseTo(1e-2 * 4 / 5, within(1e-15));
    }

    @Test
    void cosineRunsFromTheRateToTheMinimum() {
        assertThat(rate.at(4)).isCloseTo(1e-2, within(1e-15));
        assertThat(rate.at(7)).isCloseTo((1e-2 + 1e-3) / 2, within(1e-15));
        assertThat(rate.at(10)).isCloseTo(1e-3, within(1e-15));
        assertThat(rate.at(1_000)).isEqualTo(1e-3);
    }

    @Test
    void constantStays() {
        assertThat(LearningRate.constant(0.3).at(99)).isEqualTo(0.3);
    }

    @Test
    void clippingScalesLongGradientsOnly() {
        assertThat(GradientClipping.factor(0.5, 1)).isEqualTo(1);
        assertThat(GradientClipping.factor(4, 1)).isCloseTo(0.25, within(1e-6));
        assertThat(GradientClipping.factor(0, 1)).isEqualTo(1);
    }

    @Test
    void impossibleSchedulesAreRefused() {
        assertThatThrownBy(() -> LearningRate.warmupCosine(1e-3, 1e-2, 1, 2)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> LearningRate.warmupCosine(1e-2, 1e-3, 5, 2)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> LearningRate.warmupCosine(1e-2, -1, 1, 2)).isInstanceOf(ConfigException.class);
    }
}
