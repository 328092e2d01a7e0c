package dev.heddle.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GaussianTest {

    /// Φ(x) to 18 digits, from 40-digit arithmetic.
    @ParameterizedTest
    @CsvSource({
        "-37.5, 4.60535300958195484e-308",
        "-20, 2.7536241186062337e-89",
        "-10.25, 5.91717690736561785e-25",
        "-5, 2.86651571879193912e-7",
        "-2.5, 0.00620966532577613517",
        "-1.4142135623730951, 0.0786496035251425511",
        "-1, 0.158655253931457051",
        "-0.999, 0.158897345641318286",
        "-0.5, 0.308537538725986896",
        "-1e-8, 0.499999996010577196",
        "0.25, 0.598706325682923724",
        "0.75, 0.773372647623131801",
        "1, 0.841344746068542949",
        "1.5, 0.933192798731141934",
        "3, 0.998650101968369905",
        "6, 0.999999999013412355",
        "9, 1.0"
    })
    void cdfIsAccurateInBothTails(double x, double wanted) {
        assertThat(Gaussian.cdf(x)).isCloseTo(wanted, Percentage.withPercentage(2e-13));
    }

    @Test
    void cdfAtTheEnds() {
        assertThat(Gaussian.cdf(0)).isEqualTo(0.5);
        assertThat(Gaussian.cdf(Double.POSITIVE_INFINITY)).isEqualTo(1);
        assertThat(Gaussian.cdf(Double.NEGATIVE_INFINITY)).isZero();
        assertThat(Gaussian.cdf(Double.NaN)).isNaN();
    }

    @Test
    void activationsReachTheirLimits() {
        for (Activation act : Activation.values()) {
            if (act != Activation.IDENTITY) {
                assertThat(Scalar.apply(act, Double.NEGATIVE_INFINITY)).as("%s(−∞)", act).isZero();
            }
            assertThat(Scalar.apply(act, Double.NaN)).as("%s(NaN)", act).isNaN();
            assertThat(Scalar.derivative(act, Double.NEGATIVE_INFINITY)).as("%s'(−∞)", act).isNotNaN();
            assertThat(Scalar.derivative(act, Double.POSITIVE_INFINITY)).as("%s'(∞)", act).isNotNaN();
        }
    }

    /// The derivatives against central differences.
    @Test
    void derivativesAreThoseOfTheActivations() {
        double h = 1e-5;
        for (Activation act : Activation.values()) {
            for (double x = -6.03; x < 6; x += 0.37) {
                double difference = (Scalar.apply(act, x + h) - Scalar.apply(act, x - h)) / (2 * h);
                assertThat(Math.abs(Scalar.derivative(act, x) - difference)).as("%s'(%s)", act, x).isLessThan(1e-8);
            }
        }
    }
}
