package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.InputException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

class RecentTokensTest {
    private static final int N = 41;
    private static final Tensor KEYS = Tensors.random("keys", 2, N, 3, 5);
    private static final Tensor VALUES = Tensors.random("values", 2, N, 3, 7);

    private final Object owner = new Object();

    private RecentTokens empty(int capacity) {
        return RecentTokens.empty(owner, Shape.of(2, capacity, 3, 5), Shape.of(2, capacity, 3, 7), DType.F64);
    }

    private static RecentTokens append(RecentTokens state, int from, int to) {
        return state.append(Layout.slice(KEYS, 1, from, to), Layout.slice(VALUES, 1, from, to));
    }

    private static void holds(RecentTokens state, int from, int to) {
        assertThat(state.length()).isEqualTo(to);
        assertThat(state.elements()).isEqualTo(2L * (to - from) * 3 * (5 + 7));
        int skipped = from - state.start();
        assertThat(skipped).isNotNegative();
        assertThat(state.inMemory()).isEqualTo(to - state.start());
        same(state.keyMemory(), skipped, KEYS, from, to);
        same(state.valueMemory(), skipped, VALUES, from, to);
    }

    private static void same(Tensor memory, int at, Tensor expected, int from, int to) {
        Tensor found = Layout.slice(memory, 1, at, at + to - from);
        assertThat(found.toDoubles()).isEqualTo(Layout.slice(expected, 1, from, to).toDoubles());
    }

    @Test
    void aSlidingWindowHoldsItsTokensInMemoryOfTwiceTheSize() {
        RecentTokens state = empty(1);
        for (int n = 0; n < N; n++) {
            state = append(state, n, n + 1).forgetBefore(n + 1 - 4);
            holds(state, Math.max(0, n + 1 - 4), n + 1);
            assertThat(state.inMemory()).isLessThanOrEqualTo(8);
            assertThat(state.keyMemory().dim(1)).isLessThanOrEqualTo(16);
        }
    }

    @Test
    void allCanBeForgottenAndNothingComesBack() {
        RecentTokens state = append(empty(10), 0, 9).forgetBefore(9);
        holds(state, 9, 9);
        assertThat(state.inMemory()).isZero();
        RecentTokens more = append(state, 9, 15);
        holds(more, 9, 15);
        holds(more.forgetBefore(12).forgetBefore(3), 12, 15);
    }

    @Test
    void aForkLeavesTheOtherAsItWas() {
        RecentTokens state = append(empty(20), 0, 6).forgetBefore(4);
        RecentTokens one = append(state, 6, 8).forgetBefore(6);
        RecentTokens two = state.append(Layout.slice(KEYS, 1, 20, 22), Layout.slice(VALUES, 1, 20, 22));
        holds(one, 6, 8);
        holds(state, 4, 6);
        same(two.keyMemory(), 6 - two.start(), KEYS, 20, 22);
    }

    @Test
    void statesOfOthersAreRefused() {
        Tensor x = Tensor.zeros(DType.F64, 2, 1, 3);
        RecentTokens state = empty(3);
        assertThat(RecentTokens.of(owner, state, x)).isSameAs(state);
        assertThatThrownBy(() -> RecentTokens.of(this, state, x))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("another layer");
        assertThatThrownBy(() -> RecentTokens.of(owner, state, Tensor.zeros(DType.F64, 3, 1, 3)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("batch");
        KeyValueCache other = KeyValueCache.empty(owner, Shape.of(2, 1, 3, 5), Shape.of(2, 1, 3, 5), DType.F64);
        assertThatThrownBy(() -> RecentTokens.of(owner, other, x)).isInstanceOf(InputException.class);
    }
}
