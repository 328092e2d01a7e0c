package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;

import java.util.Arrays;

/// How rotary frequencies are changed to serve longer contexts than a model was trained on.
///
/// With w the unscaled frequencies `base^(−2i/r)`, f the factor and P0 the original (never the extended) number of
/// positions. Source: transformers' `modeling_rope_utils.py`; arXiv 2306.15595 (linear), jquesnelle/yarn and arXiv
/// 2309.00071 (NTK-aware, YaRN), Llama 3.1's model code.
public sealed interface RopeScaling {
    /// The frequencies `[rotary/2]`, fastest first.
    ///
    /// @param rotary rotated columns of a head, even, above 0
    /// @throws ConfigException if the scaling does not work for so few columns
    double[] frequencies(int rotary, double base);

    /// The factor on cosines and sines; logits are multiplied by its square.
    default double attentionFactor() {
        return 1;
    }

    /// No scaling: w.
    static RopeScaling none() {
        return new Unscaled();
    }

    /// See [#none].
    record Unscaled() implements RopeScaling {
        @Override
        public double[] frequencies(int rotary, double base) {
            double[] w = new double[rotary / 2];
            Arrays.setAll(w, i -> Math.pow(base, -2.0 * i / rotary));
            return w;
        }
    }

    /// Position interpolation: `w/f`.
    ///
    /// @param factor f, 1 or more
    record Linear(double factor) implements RopeScaling {
        public Linear {
            checkFactor(factor);
        }

        @Override
        public double[] frequencies(int rotary, double base) {
            return Arrays.stream(none().frequencies(rotary, base)).map(w -> w / factor).toArray();
        }
    }

    /// NTK-aware: w of the base `base·f^(r/(r−2))`, which divides the slowest frequency by f and keeps the fastest.
    ///
    /// @param factor f, 1 or more
    record Ntk(double factor) implements RopeScaling {
        public Ntk {
            checkFactor(factor);
        }

        @Override
        public double[] frequencies(int rotary, double base) {
            return ofStretchedBase(rotary, base, factor);
        }
    }

    /// Dynamic NTK: NTK-aware by `f·L/P0 − (f − 1)`, `L = max(length, P0)`.
    ///
    /// The length is fixed at construction, so that keys that were rotated once stay valid in a cache.
    ///
    /// @param factor f, 1 or more
    /// @param originalMaxPositions P0
    /// @param length the length of the sequences to come
    record Dynamic(double factor, int originalMaxPositions, int length) implements RopeScaling {
        public Dynamic {
            checkFactor(factor);
            checkOriginal(originalMaxPositions);
            if (length < 1) {
                throw new ConfigException("seq_len: " + length + " is less than 1; use the length of the sequences");
            }
        }

        @Override
        public double[] frequencies(int rotary, double base) {
            double stretch = (double) Math.max(length, originalMaxPositions) / originalMaxPositions;
            return ofStretchedBase(rotary, base, factor * stretch - (factor - 1));
        }
    }

    /// YaRN: pairs that turn more than `betaFast` times in P0 tokens keep their frequency, those that turn less than
    /// `betaSlow` times are interpolated, with a ramp between; [#attentionFactor] sharpens the scores.
    ///
    /// @param factor f, 1 or more
    /// @param originalMaxPositions P0
    /// @param betaFast turns, 32 in the paper
    /// @param betaSlow turns, 1 in the paper
    /// @param attentionFactor on cosines and sines: see [#of(double, int)] for the paper's
    record Yarn(double factor, int originalMaxPositions, double betaFast, double betaSlow, double attentionFactor)
            implements RopeScaling {
        public Yarn {
            checkFactor(factor);
            checkOriginal(originalMaxPositions);
            if (!(betaSlow > 0) || !(betaFast >= betaSlow)) {
                throw new ConfigException(
                        "yarn: beta_fast "
                                + betaFast
                                + " and beta_slow "
                                + betaSlow
                                + " must be above 0 with beta_fast not below beta_slow; use 32 and 1");
            }
            if (!(attentionFactor > 0) || Double.isInfinite(attentionFactor)) {
                throw new ConfigException("yarn: attention_factor " + attentionFactor + " is not above 0");
            }
        }

        /// The paper's: betas 32 and 1, attention factor `0.1·ln f + 1`.
        public static Yarn of(double factor, int originalMaxPositions) {
            return new Yarn(factor, originalMaxPositions, 32, 1, magnitude(factor, 1));
        }

        /// `0.1·c·ln f + 1`, 1 for `f ≤ 1`. The attention factor is that of c = 1; DeepSeek's is
        /// `magnitude(f, mscale)/magnitude(f, mscale_all_dim)`, with the square of the latter on the softmax scale.
        public static double magnitude(double factor, double coefficient) {
            return factor <= 1 ? 1 : 0.1 * coefficient * Math.log(factor) + 1;
        }

        @Override
        public double[] frequencies(int rotary, double base) {
            double low = Math.max(Math.floor(pairOfTurns(betaFast, rotary, base)), 0);
            // Pairs end at r/2 − 1, but the published clamp is r − 1, and it sets the slope of the ramp.
            double high = Math.min(Math.ceil(pairOfTurns(betaSlow, rotary, base)), rotary - 1);
            double width = low == high ? 0.001 : high - low;
            double[] w = none().frequencies(rotary, base);
            for (int i = 0; i < w.length; i++) {
                double ramp = Math.clamp((i - low) / width, 0.0, 1.0);
                w[i] = interpolated(w[i], ramp, factor);
            }
            return w;
        }

        // The (real) index of the pair that makes so many turns in P0 tokens.
        private double pairOfTurns(double turns, int rotary, double base) {
            return rotary * Math.log(originalMaxPositions / (2 * Math.PI * turns)) / (2 * Math.log(base));
        }
    }

    /// Llama 3's: wavelengths above `P0/lowFrequencyFactor` are interpolated, those below `P0/highFrequencyFactor` kept,
    /// with a ramp between.
    ///
    /// @param factor f, 1 or more; 8 in Llama 3.1, 32 in 3.2
    /// @param lowFrequencyFactor 1 in Llama 3.1
    /// @param highFrequencyFactor 4 in Llama 3.1
    /// @param originalMaxPositions P0, 8192 in Llama 3.1
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
            implements RopeScaling {
        public Llama3 {
            checkFactor(factor);
            checkOriginal(originalMaxPositions);
            if (!(lowFrequencyFactor > 0) || !(highFrequencyFactor > lowFrequencyFactor)) {
                throw new ConfigException(
                        "llama3: low_freq_factor "
                                + lowFrequencyFactor
                                + " must be above 0 and below high_freq_factor "
                                + highFrequencyFactor
                                + "; use 1 and 4");
            }
        }

        @Override
        public double[] frequencies(int rotary, double base) {
            double[] w = none().frequencies(rotary, base);
            for (int i = 0; i < w.length; i++) {
                double turns = originalMaxPositions * w[i] / (2 * Math.PI);
                double kept = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
                w[i] = interpolated(w[i], 1 - Math.clamp(kept, 0.0, 1.0), factor);
            }
            return w;
        }
    }

    // Between w (share 0) and w/f (share 1), exactly w for f = 1.
    private static double interpolated(double w, double share, double factor) {
        return share == 1 ? w / factor : w * (1 - share * (1 - 1 / factor));
    }

    private static double[] ofStretchedBase(int rotary, double base, double stretch) {
        if (rotary == 2) {
            throw new ConfigException("rope: NTK scaling of 2 rotary columns divides by zero; use 4 or more");
        }
        return none().frequencies(rotary, base * Math.pow(stretch, rotary / (rotary - 2.0)));
    }

    private static void checkFactor(double factor) {
        if (!(factor >= 1) || Double.isInfinite(factor)) {
            throw new ConfigException("scaling factor: " + factor + " is not 1 or more; use new length / old length");
        }
    }

    private static void checkOriginal(int positions) {
        if (positions < 1) {
            throw new ConfigException(
                    "original_max_positions: "
                            + positions
                            + " is less than 1; use the length the model was trained on");
        }
    }
}
