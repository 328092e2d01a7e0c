package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

/// The patterns by name.
public final class Patterns {
    private static final AttentionPattern FULL = new Window(Window.UNLIMITED, Window.UNLIMITED, 1);
    private static final AttentionPattern CAUSAL = new Window(Window.UNLIMITED, 0, 1);

    private Patterns() {}

    /// Every query sees every key.
    public static AttentionPattern full() {
        return FULL;
    }

    /// A query sees its own position and those before it.
    public static AttentionPattern causal() {
        return CAUSAL;
    }

    /// A query sees `window` neighbours on each side and itself. Source: Su, "From standard attention to sparse
    /// attention" (2019). For a decoder add `.and(causal())`.
    ///
    /// @throws ConfigException if `window` is negative
    public static AttentionPattern local(int window) {
        return local(window, 1);
    }

    /// As [#local(int)] over every `rate`-th position: keys at distances `rate·s` with `|s| ≤ window`.
    ///
    /// @throws ConfigException if `window` is negative or `rate` below 1
    public static AttentionPattern local(int window, int rate) {
        if (window < 0) {
            throw new ConfigException("window: " + window + " is negative; use 0 or more");
        }
        return new Window(window, window, rate);
    }

    /// A query sees the keys at distances that are multiples of `rate`, itself among them. Source: Su, "From standard
    /// attention to sparse attention" (2019).
    ///
    /// @throws ConfigException if `rate` is below 1
    public static AttentionPattern atrous(int rate) {
        return new Window(Window.UNLIMITED, Window.UNLIMITED, rate);
    }

    /// A query sees `left` keys before its position, itself, and `right` after it; −1 leaves a side unbounded.
    ///
    /// @throws ConfigException if a side is below −1
    public static AttentionPattern window(int left, int right) {
        return new Window(left, right, 1);
    }
}
