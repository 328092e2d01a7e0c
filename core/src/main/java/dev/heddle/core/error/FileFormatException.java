package dev.heddle.core.error;

/// A file that is truncated, lying about itself or of another kind than expected.
public final class FileFormatException extends HeddleException {
    private static final long serialVersionUID = 1L;

    public FileFormatException(String message) {
        super(message);
    }

    public FileFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
