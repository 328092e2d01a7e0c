package dev.heddle.benchmarks;

/// The check before a speed is reported.
public final class Close {
    private static final float ABSOLUTE = 2e-5f;
    private static final float RELATIVE = 1e-4f;

    private Close() {}

    /// Refuses values that differ by more than 2e-5 + 1e-4·|expected|; an infinite one, as the log-sum-exp of a query
    /// without keys, must be the same, and NaN is always refused.
    ///
    /// @throws IllegalStateException if one does
    public static void require(String subject, float[] actual, float[] expected) {
        if (actual.length != expected.length) {
            throw new IllegalStateException(subject + ": " + actual.length + " values, expected " + expected.length);
        }
        for (int i = 0; i < expected.length; i++) {
            if (!isClose(actual[i], expected[i])) {
                throw new IllegalStateException(
                        subject
                                + ": element "
                                + i
                                + " is "
                                + actual[i]
                                + ", expected "
                                + expected[i]
                                + "; the speed of a wrong kernel means nothing");
            }
        }
    }

    private static boolean isClose(float actual, float expected) {
        return actual == expected
                || Float.isFinite(expected) && Math.abs(actual - expected) <= ABSOLUTE + RELATIVE * Math.abs(expected);
    }
}
