package dev.heddle.lab.compare;

import org.jspecify.annotations.Nullable;

import java.util.OptionalLong;

/// The query-key pairs that a variant scores over a sequence as long as those it was trained with.
///
/// @param perHead their number; the mean where heads or blocks differ
/// @param shareOfCausal of the pairs of causal attention
record Pairs(double perHead, double shareOfCausal) {
    /// @param all of all heads of all blocks; empty where that is no fixed number
    /// @param heads heads of all blocks
    static @Nullable Pairs of(OptionalLong all, long heads, int context) {
        if (all.isEmpty()) {
            return null;
        }
        double perHead = (double) all.getAsLong() / heads;
        return new Pairs(perHead, perHead / (0.5 * context * (context + 1.0)));
    }
}
