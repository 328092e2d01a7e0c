package dev.heddle.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ShapeException;

import org.junit.jupiter.api.Test;

class ShapeTest {
    @Test
    void negativeAxesCountFromTheEnd() {
        Shape shape = Shape.of(2, 3, 5);
        assertThat(shape.dim(-1)).isEqualTo(5);
        assertThat(shape.rows()).isEqualTo(6);
        assertThat(shape.replaceLast(2, 7)).isEqualTo(Shape.of(2, 7));
        assertThat(shape.without(1)).isEqualTo(Shape.of(2, 5));
    }

    @Test
    void aScalarHasOneElementAndAnEmptyAxisNone() {
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of(3, 0, 5).elements()).isZero();
    }

    @Test
    void impossibleSizesAreRefused() {
        assertThatThrownBy(() -> Shape.of(2, -1)).isInstanceOf(ShapeException.class).hasMessageContaining("-1");
        int huge = Integer.MAX_VALUE;
        assertThatThrownBy(() -> Shape.of(huge, huge, huge, huge)).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> Shape.of(2).dim(1)).isInstanceOf(ShapeException.class);
    }
}
