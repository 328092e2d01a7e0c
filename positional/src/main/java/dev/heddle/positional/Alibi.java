package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/// Attention with linear biases: head h adds `−m_h·|i' − j|` to the scaled score of a query at position i' and a key at
/// j. Fixed slopes, no parameters; no position enters anywhere else.
///
/// Source: "Train Short, Test Long", arXiv 2108.12409, and ofirpress/attention_with_linear_biases.
public final class Alibi extends ScorePosition {
    // Slopes of neighbouring heads differ by less than a double can tell long before.
    private static final int MOST_HEADS = 1 << 20;

    private final double[] slopes;

    private Alibi(double[] slopes) {
        this.slopes = slopes;
    }

    /// The paper's slopes.
    public static Spec standard() {
        return new Spec(null, 1);
    }

    /// Slopes of one's own, one a head.
    ///
    /// @throws ConfigException if there are none, or one is negative or not finite
    public static Spec withSlopes(double... slopes) {
        return new Spec(slopes.clone(), 1);
    }

    /// The paper's slopes: `2^(−8h/H)`, h = 1..H, for a power of two. For another H those of the largest power of two c
    /// below it, then the 1st, 3rd, 5th … of 2c heads; not sorted, since checkpoints depend on the order.
    ///
    /// @throws ConfigException if there is less than one head
    public static double[] pressSlopes(int heads) {
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        if (heads > MOST_HEADS) {
            throw new ConfigException("heads: " + heads + " have no slopes apart; use at most " + MOST_HEADS);
        }
        int power = Integer.highestOneBit(heads);
        double[] slopes = new double[heads];
        for (int h = 0; h < heads; h++) {
            double exponent = h < power ? 8.0 * (h + 1) / power : 4.0 * (2 * (h - power) + 1) / power;
            slopes[h] = Math.pow(2, -exponent);
        }
        return slopes;
    }

    /// The slope of each head.
    public double[] slopes() {
        return slopes.clone();
    }

    @Override
    public Tensor biasByDistance(int queries, int keys, DType dtype) {
        int distances = queries + keys - 1;
        Tensor bias = Tensor.uninitialised(dtype, slopes.length, distances);
        long address = bias.address();
        for (int h = 0; h < slopes.length; h++) {
            for (int index = 0; index < distances; index++) {
                double value = -slopes[h] * Math.abs(index - (keys - 1));
                long element = (long) h * distances + index;
                if (dtype == DType.F32) {
                    Native.setFloat(address + element * Float.BYTES, (float) value);
                } else {
                    Native.setDouble(address + element * Double.BYTES, value);
                }
            }
        }
        return bias;
    }

    /// What linear biases are made from.
    public static final class Spec implements Factory {
        private final double @Nullable [] explicit;
        private final double multiplier;

        private Spec(double @Nullable [] explicit, double multiplier) {
            if (explicit != null && explicit.length == 0) {
                throw new ConfigException("slopes: none given; give one a head");
            }
            if (explicit != null && !Arrays.stream(explicit).allMatch(Spec::isUsable)) {
                throw new ConfigException(
                        "slopes: " + Arrays.toString(explicit) + " must be finite numbers of 0 or more");
            }
            if (!isUsable(multiplier)) {
                throw new ConfigException("slope multiplier: " + multiplier + " is not a finite number of 0 or more");
            }
            this.explicit = explicit;
            this.multiplier = multiplier;
        }

        private static boolean isUsable(double slope) {
            return slope >= 0 && slope < Double.POSITIVE_INFINITY;
        }

        /// Multiplies all slopes: the trained length over the tested one interpolates positions (arXiv 2310.13017).
        public Spec multipliedBy(double factor) {
            return new Spec(explicit, factor);
        }

        /// @throws ConfigException if explicit slopes are of another number
        @Override
        public Alibi create(int heads) {
            double[] slopes = explicit == null ? pressSlopes(heads) : explicit;
            if (slopes.length != heads) {
                throw new ConfigException(
                        "slopes: " + slopes.length + " given for " + heads + " heads; give one a head");
            }
            return new Alibi(Arrays.stream(slopes).map(slope -> slope * multiplier).toArray());
        }
    }
}
