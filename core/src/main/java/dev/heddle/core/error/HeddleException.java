package dev.heddle.core.error;

/// The root of everything that Heddle throws on bad input or a failed run.
///
/// A message reads `subject: what was found; what would work`, for example
/// `heads: width 130 is not divisible by 8 heads; use 128 or 136`.
public class HeddleException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public HeddleException(String message) {
        super(message);
    }

    public HeddleException(String message, Throwable cause) {
        super(message, cause);
    }
}
