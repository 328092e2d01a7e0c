package dev.heddle.testkit;

import dev.heddle.core.error.ConfigException;

/// How far a number a may be from the expected b: `|a − b| ≤ absolute + relative·|b|`.
///
/// @param relative share of the expected magnitude
/// @param absolute in the unit of the numbers
public record Tolerance(double relative, double absolute) {
    /// @throws ConfigException if one is negative or not finite: such a tolerance would pass anything or nothing
    public Tolerance {
        if (!(relative >= 0 && relative < 1 && absolute >= 0 && Double.isFinite(absolute))) {
            throw new ConfigException(
                    "tolerance: relative "
                            + relative
                            + " and absolute "
                            + absolute
                            + "; use 0 ≤ relative < 1 and a finite absolute of 0 or more");
        }
    }

    /// The error of a in units of what is allowed: 1 or less passes. Equal infinities are equal; NaN never is.
    public double ratio(double found, double expected) {
        if (found == expected) {
            return 0;
        }
        double error = Math.abs(found - expected);
        return Double.isFinite(error) ? error / (absolute + relative * Math.abs(expected)) : Double.POSITIVE_INFINITY;
    }
}
