package dev.heddle.models;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.NumericException;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/// How the next token is chosen from its logits.
///
/// @param temperature divides the logits; 0 always takes the likeliest token (the first among equals)
/// @param topK only the k likeliest tokens may be drawn; 0 for all
/// @param topP only the likeliest tokens that together reach this probability may be drawn; 1 for all
public record Sampling(double temperature, int topK, double topP) {
    /// @throws ConfigException if a value is out of range
    public Sampling {
        if (!(temperature >= 0) || Double.isInfinite(temperature) || topK < 0 || !(topP > 0 && topP <= 1)) {
            throw new ConfigException(
                    "sampling: temperature "
                            + temperature
                            + ", top-k "
                            + topK
                            + ", top-p "
                            + topP
                            + "; use a temperature and top-k of 0 or more and a top-p in (0, 1]");
        }
    }

    /// Always the likeliest token.
    public static Sampling greedy() {
        return new Sampling(0, 0, 1);
    }

    /// All tokens by their probability at a temperature.
    public static Sampling at(double temperature) {
        return new Sampling(temperature, 0, 1);
    }

    public Sampling topK(int tokens) {
        return new Sampling(temperature, tokens, topP);
    }

    public Sampling topP(double probability) {
        return new Sampling(temperature, topK, probability);
    }

    /// A token for the logits of one position.
    ///
    /// @throws NumericException if a logit is not a number
    public int choose(float[] logits, RandomGenerator random) {
        int likeliest = likeliest(logits);
        if (temperature == 0) {
            return likeliest;
        }
        int[] order = likeliestFirst(logits);
        int candidates = topK == 0 ? logits.length : Math.min(topK, logits.length);
        double[] cumulative = new double[candidates];
        double total = 0;
        for (int i = 0; i < candidates; i++) {
            total += Math.exp((logits[order[i]] - logits[likeliest]) / temperature);
            cumulative[i] = total;
        }
        int kept = reaching(cumulative, candidates, topP * total);
        return order[reaching(cumulative, kept, random.nextDouble() * cumulative[kept - 1]) - 1];
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 0; i < logits.length; i++) {
            if (Float.isNaN(logits[i])) {
                throw new NumericException("logits: that of token " + i + " is not a number; the model is broken");
            }
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    // How many of the first sums it takes to reach a value, at most `count`.
    private static int reaching(double[] cumulative, int count, double value) {
        int found = Arrays.binarySearch(cumulative, 0, count, value);
        return Math.min(count, (found >= 0 ? found : -found - 1) + 1);
    }

    // Sorts keys that hold the logit, turned so that the highest comes first, above the token.
    private static int[] likeliestFirst(float[] logits) {
        long[] keys = new long[logits.length];
        for (int i = 0; i < keys.length; i++) {
            int bits = Float.floatToIntBits(logits[i]);
            int ascending = bits >= 0 ? bits : bits ^ Integer.MAX_VALUE;
            keys[i] = (long) ~ascending << Integer.SIZE | i;
        }
        Arrays.sort(keys);
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }
}
