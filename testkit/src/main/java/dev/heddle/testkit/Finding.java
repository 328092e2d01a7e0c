package dev.heddle.testkit;

import java.util.Locale;

/// One thing that a check looked at.
///
/// @param what the tensor or quantity
/// @param error how far off it is, in the figure that the [Report] names; NaN fails
/// @param tolerance the largest error that passes
/// @param detail where and what, in words
public record Finding(String what, double error, double tolerance, String detail) {
    public boolean passed() {
        return error <= tolerance;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s: %.3g, allowed %.3g%s",
                what,
                error,
                tolerance,
                detail.isEmpty() ? "" : " (" + detail + ")");
    }
}
