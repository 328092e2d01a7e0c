package dev.heddle.core.error;

/// Tensors or sizes that do not fit together.
public final class ShapeException extends HeddleException {
    private static final long serialVersionUID = 1L;

    public ShapeException(String message) {
        super(message);
    }

    public ShapeException(String message, Throwable cause) {
        super(message, cause);
    }
}
