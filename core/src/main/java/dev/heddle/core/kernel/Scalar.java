package dev.heddle.core.kernel;

/// The activations and their derivatives in double, safe for every argument up to ±∞; NaN stays NaN.
final class Scalar {
    private static final double SQRT_2_OVER_PI = 0.7978845608028654;
    private static final double CUBIC = 0.044715;
    private static final double QUICK = 1.702;

    /// Beyond this every derivative below has reached its limit; larger arguments would only give 0·∞.
    private static final double SATURATED = 1e4;

    private Scalar() {}

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static double apply(Activation act, double x) {
        return switch (act) {
            case RELU -> Math.max(0, x);
            case RELU2 -> square(Math.max(0, x));
            case GELU -> gate(x, Gaussian.cdf(x));
            case GELU_TANH -> gate(x, sigmoid(2 * tanhArgument(x)));
            case SILU -> gate(x, sigmoid(x));
            case QUICK_GELU -> gate(x, sigmoid(QUICK * x));
            case SIGMOID -> sigmoid(x);
            case IDENTITY -> x;
        };
    }

    static double derivative(Activation act, double x) {
        return switch (act) {
            case RELU -> x >= 0 ? 1 : 0;
            case RELU2 -> 2 * Math.max(0, x);
            case GELU -> geluDerivative(clamp(x));
            case GELU_TANH -> geluTanhDerivative(clamp(x));
            case SILU -> swishDerivative(1, clamp(x));
            case QUICK_GELU -> swishDerivative(QUICK, clamp(x));
            case SIGMOID -> sigmoid(x) * sigmoid(-x);
            case IDENTITY -> 1;
        };
    }

    private static double square(double x) {
        return x * x;
    }

    /// `x·probability` where −∞·0 is 0, its limit.
    private static double gate(double x, double probability) {
        return probability == 0 ? -0.0 : x * probability;
    }

    private static double clamp(double x) {
        return Math.max(-SATURATED, Math.min(SATURATED, x));
    }

    private static double tanhArgument(double x) {
        return SQRT_2_OVER_PI * (x + CUBIC * x * x * x);
    }

    private static double geluDerivative(double x) {
        return Gaussian.cdf(x) + x * Gaussian.density(x);
    }

    private static double geluTanhDerivative(double x) {
        double u = 2 * tanhArgument(x);
        double slope = 2 * SQRT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
        return sigmoid(u) * (1 + x * slope * sigmoid(-u));
    }

    private static double swishDerivative(double beta, double x) {
        return sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x));
    }
}
