package dev.heddle.core.error;

/// A configuration that no model can be built from: an unknown key or variant, a value out of range.
public final class ConfigException extends HeddleException {
    private static final long serialVersionUID = 1L;

    public ConfigException(String message) {
        super(message);
    }

    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
