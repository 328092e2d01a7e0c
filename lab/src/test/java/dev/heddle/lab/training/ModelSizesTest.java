package dev.heddle.lab.training;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;

class ModelSizesTest {
    private static final double GIB = 1 << 30;

    @Test
    void whatTheMachineCannotHoldIsRefusedAndWhatItCanIsNot() {
        var settings = new TrainingSettings(64, 12, 10, 1e-3, 1e-4, 2, 0.1, 1, 5, 0, 5, 1);
        assertThatCode(() -> new ModelSizes(128, 4, 4).require(settings, GIB)).doesNotThrowAnyException();
        // 8 · 16 bytes · 2048² · 16 are 8 GiB, and 16 bytes · 768 tokens · 2048 · 16 are 0.375.
        assertThatCode(() -> new ModelSizes(2048, 16, 4).require(settings, 8.376 * GIB)).doesNotThrowAnyException();
        assertThatThrownBy(() -> new ModelSizes(2048, 16, 4).require(settings, 8.374 * GIB))
                .isInstanceOf(ConfigException.class)
                .hasMessage(
                        "memory: width 2048, depth 16, batch 12 and context 64 take at least 8.38 GiB to train, this"
                                + " machine has 8.37; use smaller ones");
    }
}
