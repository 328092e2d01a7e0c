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
    void workMayNotHoldMoreThanItsLimit() {
        try (Scope outer = Scope.open()) {
            Tensor.zeros(DType.F32, 1000);
            Scope.within(8000, ScopeTest::refusal, () -> Tensor.zeros(DType.F32, 1000));
            long before = Memory.liveBytes();
            assertThatThrownBy(() -> Scope.within(8000, ScopeTest::refusal, ScopeTest::twoInInnerScopes))
                    .hasMessage("too much");
            assertThatThrownBy(
                            () ->
                                    Scope.within(
                                            100,
                                            ScopeTest::refusal,
                                            () -> Scope.within(8000, ScopeTest::refusal, ScopeTest::one)))
                    .hasMessage("too much");
            assertThat(Memory.liveBytes()).isEqualTo(before);
            assertThat(ScopeTest.one().bytes()).isEqualTo(6000);
        }
        assertThatThrownBy(() -> Scope.within(1, ScopeTest::refusal, ScopeTest::one))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void whatWentBackCountsNoMore() {
        try (Scope outer = Scope.open()) {
            Scope.within(
                    8000,
                    ScopeTest::refusal,
                    () -> {
                        for (int i = 0; i < 5; i++) {
                            try (Scope step = Scope.open()) {
                                one();
                            }
                        }
                        return one();
                    });
        }
    }

    private static HeddleException refusal() {
        return new HeddleException("too much");
    }

    private static Tensor one() {
        return Tensor.zeros(DType.F32, 1500);
    }

    private static Tensor twoInInnerScopes() {
        try (Scope first = Scope.open()) {
            one();
            try (Scope second = Scope.open()) {
                return one();
            }
        }
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
