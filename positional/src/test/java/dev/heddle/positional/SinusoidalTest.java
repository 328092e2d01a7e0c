package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SinusoidalTest {
    private static final int WIDTH = 12;

    private static Tensor table(Sinusoidal.Layout layout, int width, Positions positions) {
        return Sinusoidal.of(layout).create(width, Seed.of(1)).rows(positions, DType.F64);
    }

    @Test
    void aShiftIsARotationOfEachFrequency() {
        int shift = 37;
        Tensor here = table(Sinusoidal.Layout.INTERLEAVED, WIDTH, Positions.of(5));
        Tensor there = table(Sinusoidal.Layout.INTERLEAVED, WIDTH, Positions.of(5 + shift));
        for (int i = 0; i < WIDTH; i += 2) {
            double angle = shift * Math.pow(10_000, -(double) i / WIDTH);
            double sin = Math.cos(angle) * here.at(i) + Math.sin(angle) * here.at(i + 1);
            double cos = -Math.sin(angle) * here.at(i) + Math.cos(angle) * here.at(i + 1);
            assertThat(there.at(i)).isCloseTo(sin, within(1e-12));
            assertThat(there.at(i + 1)).isCloseTo(cos, within(1e-12));
        }
    }

    @ParameterizedTest
    @EnumSource
    void innerProductsDependOnDistanceOnly(Sinusoidal.Layout layout) {
        Tensor rows = table(layout, WIDTH, Positions.of(3, 10, 1003, 1010));
        assertThat(Tensors.dot(rows, 2, rows, 3)).isCloseTo(Tensors.dot(rows, 0, rows, 1), within(1e-11));
    }

    @Test
    void concat2iIsInterleavedWithColumnsInAnotherOrder() {
        Tensor interleaved = table(Sinusoidal.Layout.INTERLEAVED, WIDTH, Positions.range(90, 3));
        Tensor concat = table(Sinusoidal.Layout.CONCAT_2I, WIDTH, Positions.range(90, 3));
        for (int row = 0; row < 3; row++) {
            for (int i = 0; i < WIDTH / 2; i++) {
                long start = (long) row * WIDTH;
                assertThat(concat.at(start + i)).isEqualTo(interleaved.at(start + 2L * i));
                assertThat(concat.at(start + WIDTH / 2 + i)).isEqualTo(interleaved.at(start + 2L * i + 1));
            }
        }
    }

    @Test
    void theSlowestFrequencyOfConcatIsOneOverTheBaseExactly() {
        Tensor row = table(Sinusoidal.Layout.CONCAT, 16, Positions.of(1));
        assertThat(row.at(7)).isEqualTo(Math.sin(1 / 10_000.0));
    }

    @Test
    void anOddWidthDropsTheLastCosineOrEndsWithZero() {
        Tensor interleaved = table(Sinusoidal.Layout.INTERLEAVED, 5, Positions.of(3));
        assertThat(interleaved.at(4)).isEqualTo(Math.sin(3 * Math.pow(10_000, -4.0 / 5)));
        assertThat(table(Sinusoidal.Layout.CONCAT, 5, Positions.of(3)).at(4)).isZero();
        assertThat(table(Sinusoidal.Layout.CONCAT_2I, 5, Positions.of(3)).at(4)).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void decodingAtAnOffsetEqualsRowsOfTheWhole(Sinusoidal.Layout layout) {
        Sinusoidal sinusoids = Sinusoidal.of(layout).scalingInput().create(WIDTH, Seed.of(1));
        Tensor x = Tensors.random("x", 2, 300, WIDTH);
        Tensor whole = sinusoids.apply(x, Positions.range(0, 300));
        Tensor last = sinusoids.apply(Layout.slice(x, 1, 299, 300), Positions.range(299, 1));
        assertThat(Tensors.difference(last, Layout.slice(whole, 1, 299, 300))).isZero();
    }

    @Test
    void scalingMultipliesTheInputByTheRootOfTheWidth() {
        Tensor x = Tensors.random("x", 1, 1, WIDTH);
        Tensor plain = Sinusoidal.interleaved().create(WIDTH, Seed.of(1)).apply(x, Positions.of(8));
        Tensor scaled = Sinusoidal.interleaved().scalingInput().create(WIDTH, Seed.of(1)).apply(x, Positions.of(8));
        for (int c = 0; c < WIDTH; c++) {
            assertThat(scaled.at(c) - plain.at(c)).isCloseTo((Math.sqrt(WIDTH) - 1) * x.at(c), within(1e-12));
        }
    }

    @Test
    void widthsAndBasesThatMakeNoSenseAreRefused() {
        assertThatThrownBy(() -> Sinusoidal.interleaved().create(1, Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("use 2 or more");
        assertThatThrownBy(() -> Sinusoidal.concat().create(3, Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("use 4 or more");
        assertThatThrownBy(() -> Sinusoidal.concat2i().base(1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Sinusoidal.concat2i().base(Double.NaN)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Sinusoidal.Layout.of("concat2i"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("concat_2i");
        Sinusoidal sinusoids = Sinusoidal.interleaved().create(WIDTH, Seed.of(1));
        assertThatThrownBy(() -> sinusoids.rows(Positions.range(-1, 2), DType.F64))
                .hasMessageContaining("-1 is negative");
    }
}
