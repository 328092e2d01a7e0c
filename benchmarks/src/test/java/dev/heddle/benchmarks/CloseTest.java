package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

class CloseTest {
    private static final float INFINITE = Float.POSITIVE_INFINITY;

    private static void refuses(String message, float[] actual, float[] expected) {
        assertThatIllegalStateException()
                .isThrownBy(() -> Close.require("lse", actual, expected))
                .withMessageContaining(message);
    }

    @Test
    void sameInfinityIsClose() {
        Close.require("lse", new float[] {-INFINITE, 1, INFINITE}, new float[] {-INFINITE, 1.00001f, INFINITE});
    }

    @Test
    void infinityAndNumberAreNotClose() {
        refuses("element 1 is 3.0, expected -Infinity", new float[] {1, 3}, new float[] {1, -INFINITE});
        refuses("element 0 is Infinity, expected 3.0", new float[] {INFINITE}, new float[] {3});
        refuses("element 0 is Infinity, expected -Infinity", new float[] {INFINITE}, new float[] {-INFINITE});
    }

    @Test
    void notANumberIsNeverClose() {
        refuses("is NaN", new float[] {Float.NaN}, new float[] {Float.NaN});
        refuses("is NaN", new float[] {Float.NaN}, new float[] {1});
        refuses("expected NaN", new float[] {1}, new float[] {Float.NaN});
    }

    @Test
    void errorBeyondToleranceIsNotClose() {
        Close.require("y", new float[] {100.009f}, new float[] {100});
        refuses("element 0 is 100.011", new float[] {100.011f}, new float[] {100});
    }

    @Test
    void fewerValuesThanExpectedAreNotClose() {
        refuses("lse: 1 values, expected 2", new float[] {1}, new float[] {1, 2});
    }
}
