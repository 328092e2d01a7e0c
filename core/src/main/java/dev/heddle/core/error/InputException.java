package dev.heddle.core.error;

/// Data that a model or command cannot work with: a token out of range, an empty corpus, a sequence that is too long.
public final class InputException extends HeddleException {
    private static final long serialVersionUID = 1L;

    public InputException(String message) {
        super(message);
    }

    public InputException(String message, Throwable cause) {
        super(message, cause);
    }
}
