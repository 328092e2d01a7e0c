package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Values that are the first columns of the keys.
class CachedAttentionTest {
    @ParameterizedTest
    @CsvSource({
        "1, 1, 4, 1, 5, 3, 7, 7", "2, 1, 6, 2, 71, 67, 37, 33", "3, 1, 3, 3, 600, 531, 18, 1",
        "4, 5, 4, 1, 23, 19, 20, 13", "5, 13, 6, 3, 131, 130, 9, 4", "6, 200, 2, 1, 300, 257, 36, 32"
    })
    void valuesReadFromTheKeysAreTheSameToTheBit(
            long seed, int queries, int heads, int groups, int room, int length, int width, int valueWidth) {
        AttentionCase one = new AttentionCase(seed, 2, heads, groups, queries, room, width, valueWidth);
        Tensor values = Layout.slice(one.k, -1, 0, valueWidth);
        for (AttentionOptions.Layout layout : AttentionOptions.Layout.values()) {
            AttentionOptions options = AttentionOptions.of(Patterns.causal()).laidOut(layout).scaled(0.3);
            for (DType dtype : new DType[] {DType.F32, DType.F64}) {
                Tensor q = laidOut(one.q, layout).cast(dtype);
                Tensor k = laidOut(one.k, layout).cast(dtype);
                Tensor v = laidOut(values, layout).cast(dtype);
                var apart = ScaledDotProduct.attendCached(q, k, v, length, options);
                var together = ScaledDotProduct.attendCached(q, k, valueWidth, length, options);
                assertThat(together.y().shape()).isEqualTo(apart.y().shape());
                assertThat(together.y().toDoubles()).containsExactly(apart.y().toDoubles());
                assertThat(together.lse().toDoubles()).containsExactly(apart.lse().toDoubles());
            }
        }
    }

    private static Tensor laidOut(Tensor x, AttentionOptions.Layout layout) {
        return layout == AttentionOptions.Layout.TOKEN_MAJOR ? x : Layout.permute(x, 0, 2, 1, 3);
    }

    @Test
    void valuesWiderThanKeysAndLengthsOutsideTheCacheAreRefused() {
        AttentionCase one = new AttentionCase(1, 1, 2, 1, 1, 5, 4, 4);
        AttentionOptions options = AttentionOptions.of(Patterns.causal());
        assertThatThrownBy(() -> ScaledDotProduct.attendCached(one.q, one.k, 5, 3, options))
                .isInstanceOf(ShapeException.class)
                .hasMessage("cache: values of 5 columns in keys of 4; use at most that many");
        assertThatThrownBy(() -> ScaledDotProduct.attendCached(one.q, one.k, 0, 3, options))
                .isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> ScaledDotProduct.attendCached(one.q, one.k, 4, 6, options))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("6 keys asked for of 5");
    }
}
