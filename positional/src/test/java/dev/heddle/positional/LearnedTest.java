package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.Map;

class LearnedTest {
    private static final int WIDTH = 5;
    private static final int POSITIONS = 11;

    private final Learned learned = Learned.max(POSITIONS).create(WIDTH, Seed.of(3));

    @BeforeEach
    void inDouble() {
        learned.convert(DType.F64);
    }

    @Test
    void decodingAtAnOffsetEqualsRowsOfTheWhole() {
        Tensor x = Tensors.random("x", 2, 7, WIDTH);
        Tensor whole = learned.apply(x, Positions.range(0, 7));
        Tensor last = learned.apply(Layout.slice(x, 1, 4, 7), Positions.range(4, 3));
        assertThat(Tensors.difference(last, Layout.slice(whole, 1, 4, 7))).isZero();
    }

    @Test
    void zeroTableIsNoPosition() {
        Tensor x = Tensors.random("x", 2, 7, WIDTH);
        learned.load(Map.of("position_embedding", Tensor.zeros(DType.F64, POSITIONS, WIDTH)));
        assertThat(Tensors.difference(learned.apply(x, Positions.range(2, 7)), x)).isZero();
    }

    @Test
    void aRepeatedPositionGetsBothGradients() {
        Tensor x = Tensors.random("x", 1, 3, WIDTH);
        Tensor cotangent = Tensors.random("dy", 1, 3, WIDTH);
        Tensor y = learned.apply(x, Positions.of(4, 0, 4));
        Tensor table = learned.parameters().get("position_embedding").value();
        Tensor gradient = Autograd.gradients(y, cotangent).of(table);
        for (int c = 0; c < WIDTH; c++) {
            assertThat(gradient.at(4L * WIDTH + c)).isEqualTo(cotangent.at(c) + cotangent.at(2L * WIDTH + c));
            assertThat(gradient.at(c)).isEqualTo(cotangent.at(WIDTH + c));
            assertThat(gradient.at(7L * WIDTH + c)).isZero();
        }
    }

    @Test
    void aPaddedSequenceEqualsItByItself() {
        Tensor x = Tensors.random("x", 2, 4, WIDTH);
        Tensor mask = Tensor.of(new boolean[] {true, true, true, true, false, false, true, true}, 2, 4);
        Tensor together = learned.apply(x, Positions.ofPadded(mask));
        Tensor alone = learned.apply(Layout.slice(Layout.slice(x, 0, 1, 2), 1, 2, 4), Positions.range(0, 2));
        assertThat(Tensors.difference(Layout.slice(Layout.slice(together, 0, 1, 2), 1, 2, 4), alone)).isZero();
    }

    @Test
    void aPositionBeyondTheTableIsRefusedWithTheLimit() {
        Tensor x = Tensors.random("x", 1, 2, WIDTH);
        assertThatThrownBy(() -> learned.apply(x, Positions.range(10, 2)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("11 is beyond the learned table of 11 positions; use 0..10");
    }

    @Test
    void whatDoesNotFitIsRefused() {
        Tensor x = Tensors.random("x", 2, 3, WIDTH + 1);
        assertThatThrownBy(() -> learned.apply(x, Positions.range(0, 3)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("[B, N, 5]");
        assertThatThrownBy(() -> learned.apply(Tensors.random("x", 2, 3, WIDTH), Positions.range(0, 4)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("4 given for 2 sequences of 3 tokens; give 3 or 6");
        assertThatThrownBy(() -> Learned.max(0)).isInstanceOf(ConfigException.class).hasMessageContaining("0");
        assertThatThrownBy(() -> Learned.max(4).create(0, Seed.of(1))).isInstanceOf(ConfigException.class);
    }

    @Test
    void positionsThatAreNotWholeOrNegativeAreRefused() {
        assertThatThrownBy(() -> Positions.of(Tensor.of(new float[] {1.5f}, 1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("I32");
        Tensor x = Tensors.random("x", 1, 2, WIDTH);
        Learned learned = Learned.max(4).create(WIDTH, Seed.of(1));
        assertThatThrownBy(() -> learned.apply(x, Positions.of(Tensor.of(new int[] {0, -1}, 2))))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("-1 is negative");
        assertThatThrownBy(() -> Positions.ofPadded(Tensor.of(new int[] {1, 1}, 1, 2)))
                .isInstanceOf(InputException.class);
    }
}
