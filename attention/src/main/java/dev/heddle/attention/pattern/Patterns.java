package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

import java.util.List;

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

    /// Queries of head `h` see what pattern `h mod count` shows head `h`.
    ///
    /// @throws ConfigException if there is no pattern
    public static AttentionPattern perHead(AttentionPattern... patterns) {
        return new PerHead(List.of(patterns));
    }

    /// A query sees the tokens of its own segment of `length` tokens.
    ///
    /// @throws ConfigException if `length` is below 1
    public static AttentionPattern segments(int length) {
        return new Segments(length);
    }

    /// The strided pattern of the Sparse Transformer in one softmax: the `stride` latest positions and every `stride`-th
    /// before them. Source: arXiv 1904.10509 §4.3.
    ///
    /// @throws ConfigException if `stride` is below 1
    public static AttentionPattern strided(int stride) {
        requirePositive("stride", stride);
        return window(stride - 1, 0).or(new Window(Window.UNLIMITED, 0, stride));
    }

    /// The fixed pattern of the Sparse Transformer in one softmax: a query's own segment of `stride` positions up to
    /// itself, and the summary columns of all segments before it. Source: arXiv 1904.10509 §4.3.
    ///
    /// @param width summary columns of a segment that one head sees
    /// @param groups heads that see different columns, counted from the end of a segment
    /// @throws ConfigException if a size is below 1 or the groups do not fit into a segment
    public static AttentionPattern fixed(int stride, int width, int groups) {
        return segments(stride).and(causal()).or(new SummaryColumns(stride, width, groups));
    }

    static void requirePositive(String what, int value) {
        if (value < 1) {
            throw new ConfigException(what + ": " + value + " is below 1; use 1 or more");
        }
    }
}
