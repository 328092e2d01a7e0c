package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MaterialisedAttention;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

class AlibiTest {
    private static final int HEADS = 3;
    private static final int LENGTH = 7;

    private final Tensor q = Tensors.random("q", 2, LENGTH, HEADS, 5);
    private final Tensor k = Tensors.random("k", 2, LENGTH, HEADS, 5);
    private final Tensor v = Tensors.random("v", 2, LENGTH, HEADS, 5);

    private static Tensor bias(Alibi alibi, int queries, int keys) {
        return MaterialisedAttention.biasByPair(alibi.biasByDistance(queries, keys, DType.F64), queries, keys);
    }

    private Tensor causal(Tensor bias) {
        Tensor mask = MaterialisedAttention.causalMask(LENGTH, LENGTH);
        return MaterialisedAttention.attend(q, k, v, bias, mask, 0.4).y();
    }

    @Test
    void slopesOfAPowerOfTwoArePowersOfOneRatio() {
        assertThat(Alibi.pressSlopes(8))
                .containsExactly(0.5, 0.25, 0.125, 1 / 16., 1 / 32., 1 / 64., 1 / 128., 1 / 256.);
        assertThat(Alibi.pressSlopes(1)).containsExactly(1 / 256.);
        double[] slopes = Alibi.pressSlopes(16);
        for (int h = 1; h < slopes.length; h++) {
            assertThat(slopes[h] / slopes[h - 1]).isCloseTo(Math.sqrt(0.5), within(1e-15));
        }
    }

    @Test
    void slopesOfOtherHeadCountsInterleaveTheNextPower() {
        assertThat(Alibi.pressSlopes(6)).containsExactly(1 / 4., 1 / 16., 1 / 64., 1 / 256., 1 / 2., 1 / 8.);
        assertThat(Alibi.pressSlopes(3)).containsExactly(1 / 16., 1 / 256., 1 / 4.);
        assertThat(Alibi.pressSlopes(12)).startsWith(Alibi.pressSlopes(8));
        for (int h = 8; h < 12; h++) {
            assertThat(Alibi.pressSlopes(12)[h]).isEqualTo(Math.pow(2, -0.5 - (h - 8)));
        }
    }

    @Test
    void biasIsMinusSlopeTimesDistanceInBothDirections() {
        Alibi alibi = Alibi.withSlopes(0.5, 2).create(2);
        for (int queries : new int[] {1, 3, 7}) {
            for (int keys : new int[] {1, 5, 7}) {
                Tensor bias = bias(alibi, queries, keys);
                for (int i = 0; i < queries; i++) {
                    for (int j = 0; j < keys; j++) {
                        int distance = Math.abs(j - (i + keys - queries));
                        assertThat(bias.at((long) i * keys + j)).isCloseTo(-0.5 * distance, within(0.0));
                        assertThat(bias.at((long) (queries + i) * keys + j)).isCloseTo(-2. * distance, within(0.0));
                    }
                }
            }
        }
    }

    @Test
    void shiftingRowsChangesNothing() {
        Alibi alibi = Alibi.standard().create(HEADS);
        double[] byKey = new double[HEADS * LENGTH];
        for (int h = 0; h < HEADS; h++) {
            for (int j = 0; j < LENGTH; j++) {
                byKey[h * LENGTH + j] = alibi.slopes()[h] * j;
            }
        }
        Tensor shifted = Tensor.of(byKey, HEADS, 1, LENGTH);
        assertThat(Tensors.difference(causal(bias(alibi, LENGTH, LENGTH)), causal(shifted))).isLessThan(1e-12);
    }

    @Test
    void zeroSlopesAreNoPosition() {
        Alibi alibi = Alibi.withSlopes(0, 0, 0).create(HEADS);
        assertThat(Tensors.difference(causal(bias(alibi, LENGTH, LENGTH)), causal(Tensor.zeros(DType.F64, 1))))
                .isZero();
    }

    @Test
    void lastRowsAgainstACacheEqualRowsOfTheWhole() {
        Tensor whole = bias(Alibi.standard().create(HEADS), LENGTH, LENGTH);
        Tensor last = bias(Alibi.standard().create(HEADS), 2, LENGTH);
        assertThat(Tensors.difference(last, Layout.slice(whole, 1, LENGTH - 2, LENGTH))).isZero();
    }

    @Test
    void equalContentIsWeighedByThePowersOfTheSlope() {
        Alibi alibi = Alibi.standard().create(HEADS);
        Tensor same = Tensor.zeros(DType.F64, 1, LENGTH, HEADS, 4);
        Tensor weights =
                MaterialisedAttention.attend(
                                same,
                                same,
                                same,
                                bias(alibi, LENGTH, LENGTH),
                                MaterialisedAttention.causalMask(LENGTH, LENGTH),
                                1)
                        .weights();
        for (int h = 0; h < HEADS; h++) {
            long row = ((long) h * LENGTH + LENGTH - 1) * LENGTH;
            for (int j = 1; j < LENGTH; j++) {
                assertThat(weights.at(row + j) / weights.at(row + j - 1))
                        .isCloseTo(Math.exp(alibi.slopes()[h]), within(1e-12));
            }
        }
    }

    @Test
    void multiplierInterpolatesPositions() {
        double[] plain = Alibi.standard().create(4).slopes();
        double[] halved = Alibi.standard().multipliedBy(0.5).create(4).slopes();
        for (int h = 0; h < 4; h++) {
            assertThat(halved[h]).isEqualTo(plain[h] / 2);
        }
    }

    @Test
    void senselessSlopesAreRefused() {
        assertThatThrownBy(() -> Alibi.standard().create(0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("heads: 0");
        assertThatThrownBy(() -> Alibi.withSlopes(0.5, 0.25).create(3))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("2 given for 3 heads");
        assertThatThrownBy(() -> Alibi.withSlopes(0.5, -0.25))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("-0.25");
        assertThatThrownBy(() -> Alibi.withSlopes(Double.NaN)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Alibi.withSlopes(Double.POSITIVE_INFINITY)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(Alibi::withSlopes).isInstanceOf(ConfigException.class).hasMessageContaining("none given");
        assertThatThrownBy(() -> Alibi.standard().multipliedBy(-1)).isInstanceOf(ConfigException.class);
    }
}
