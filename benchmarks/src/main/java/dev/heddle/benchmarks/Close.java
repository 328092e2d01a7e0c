package dev.heddle.benchmarks;

/// The check before a speed is reported.
public final class Close {
    private static final float ABSOLUTE = 2e-5f;
    private static final float RELATIVE = 1e-4f;

    private Close() {}

    /// Refuses values that differ by more than 2e-5 + 1e-4·|expected|.
    ///
    /// @throws IllegalStateException if one does
    public static void require(String subject, float[] actual, float[] expected) {
        for (int i = 0; i < expected.length; i++) {
            float error = Math.abs(actual[i] - expected[i]);
            if (!(error <= ABSOLUTE + RELATIVE * Math.abs(expected[i]))) {
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
}
