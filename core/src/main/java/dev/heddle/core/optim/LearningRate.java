package dev.heddle.core.optim;

import dev.heddle.core.error.ConfigException;

/// The learning rate of each iteration, counted from 0.
@FunctionalInterface
public interface LearningRate {
    double at(long iteration);

    /// The same rate always.
    static LearningRate constant(double rate) {
        return iteration -> rate;
    }

    /// Linear warm-up, then a cosine down to `minimum`, as in nanoGPT: `rate·(it+1)/(warmup+1)` below `warmup`,
    /// `minimum` above `decay`, half a cosine between.
    ///
    /// @throws ConfigException if warm-up is longer than decay or the rate less than the minimum
    static LearningRate warmupCosine(double rate, double minimum, long warmup, long decay) {
        if (warmup < 0 || warmup > decay || !(rate >= minimum) || !(minimum >= 0)) {
            throw new ConfigException(
                    "learning rate: "
                            + rate
                            + " falling to "
                            + minimum
                            + ", warm-up "
                            + warmup
                            + " of "
                            + decay
                            + " iterations; use rate ≥ minimum ≥ 0 and 0 ≤ warm-up ≤ decay");
        }
        return iteration -> {
            if (iteration < warmup) {
                return rate * (iteration + 1) / (warmup + 1);
            }
            if (iteration > decay || decay == warmup) {
                return minimum;
            }
            double progress = (double) (iteration - warmup) / (decay - warmup);
            return minimum + 0.5 * (1 + Math.cos(Math.PI * progress)) * (rate - minimum);
        };
    }
}
