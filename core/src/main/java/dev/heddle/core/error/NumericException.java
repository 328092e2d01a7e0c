package dev.heddle.core.error;

/// A computation that left the finite numbers.
public final class NumericException extends HeddleException {
    private static final long serialVersionUID = 1L;

    public NumericException(String message) {
        super(message);
    }

    public NumericException(String message, Throwable cause) {
        super(message, cause);
    }
}
