package dev.heddle.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.HeddleException;

import org.junit.jupiter.api.Test;

class ScopeTest {
    @Test
    void memoryOfAScopeReturnsAtItsEnd() {
        long before = Memory.liveBytes();
        try (Scope scope = Scope.open()) {
            Tensor.zeros(DType.F32, 1000, 1000);
            assertThat(Memory.liveBytes()).isGreaterThanOrEqualTo(before + 4_000_000);
        }
        assertThat(Memory.liveBytes()).isEqualTo(before);
    }

    @Test
    void aKeptTensorOutlivesItsScope() {
        Tensor kept;
        try (Scope outer = Scope.open()) {
            try (Scope inner = Scope.open()) {
                kept = inner.keep(Tensor.full(DType.F32, Shape.of(3), 7));
            }
            assertThat(kept.at(2)).isEqualTo(7);
        }
        Tensor gone = kept;
        assertThatThrownBy(() -> gone.at(0)).isInstanceOf(HeddleException.class).hasMessageContaining("scope");
    }

    @Test
    void repeatedStepsReuseTheSameMemory() {
        long first = addressOfAStep();
        for (int i = 0; i < 10; i++) {
            assertThat(addressOfAStep()).isEqualTo(first);
        }
    }

    private static long addressOfAStep() {
        try (Scope scope = Scope.open()) {
            return Tensor.zeros(DType.F32, 777, 777).address();
        }
    }
}
