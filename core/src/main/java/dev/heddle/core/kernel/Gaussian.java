package dev.heddle.core.kernel;

/// The normal distribution in double, good to about 1e-15 relative in both tails (Java has no error function).
final class Gaussian {
    private static final double INVERSE_SQRT_2PI = 0.3989422804014327;

    /// Step of the trapezoidal rule in [#tail]: its error is about exp(−(π/h)²) = 7e-18.
    private static final double STEP = 0.5;

    private static final double[] NODE_SQUARED = new double[14];
    private static final double[] NODE_WEIGHT = new double[14];

    static {
        for (int n = 0; n < NODE_SQUARED.length; n++) {
            NODE_SQUARED[n] = (n * STEP) * (n * STEP);
            NODE_WEIGHT[n] = Math.exp(-NODE_SQUARED[n]);
        }
    }

    private Gaussian() {}

    /// The density φ(x).
    static double density(double x) {
        return INVERSE_SQRT_2PI * expHalfSquare(x);
    }

    /// The distribution function Φ(x).
    static double cdf(double x) {
        double size = Math.abs(x);
        if (size < 1) {
            return 0.5 + centre(x);
        }
        return x < 0 ? tail(size) : 1 - tail(size);
    }

    /// Φ(x) − ½ by the series `φ(x)·Σ x^(2n+1)/(2n+1)!!`, whose terms all have one sign.
    private static double centre(double x) {
        double term = x;
        double sum = x;
        for (int n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
            term *= x * x / n;
            sum += term;
        }
        return density(x) * sum;
    }

    /// 1 − Φ(x) for x ≥ 1, by the trapezoidal rule on
    /// `erfc(t) = (t/π)·e^(−t²)·∫ e^(−u²)/(u² + t²) du`, t = x/√2, with the correction for the pole at u = i·t
    /// (Chiarella and Reichel 1968; Hunter and Regan 1972).
    private static double tail(double x) {
        if (x > 40) {
            return 0;
        }
        double t2 = x * x / 2;
        double t = Math.sqrt(t2);
        double sum = 0;
        for (int n = NODE_SQUARED.length - 1; n > 0; n--) {
            sum += NODE_WEIGHT[n] / (NODE_SQUARED[n] + t2);
        }
        double erfc = STEP * t / Math.PI * expHalfSquare(x) * (1 / t2 + 2 * sum);
        if (t < Math.PI / STEP) {
            erfc -= 2 / Math.expm1(2 * Math.PI * t / STEP);
        }
        return erfc / 2;
    }

    /// `exp(−x²/2)` with x² split, since the exponential magnifies the rounding error of a large square.
    private static double expHalfSquare(double x) {
        if (Math.abs(x) > 40) {
            return Double.isNaN(x) ? x : 0;
        }
        double high = Math.rint(x * 16) / 16;
        return Math.exp(-high * high / 2) * Math.exp(-(x - high) * (x + high) / 2);
    }
}
