package dev.heddle.models;

import java.util.Arrays;

/// The last tokens of a text that grows, as many as a model can take.
final class Window {
    private final int most;
    private int[] tokens;
    private int length;

    /// @param most 1 or more
    Window(int[] text, int most) {
        this.most = most;
        tokens = Arrays.copyOfRange(text, Math.max(0, text.length - most), text.length);
        length = tokens.length;
    }

    int length() {
        return length;
    }

    int[] tokens() {
        return Arrays.copyOf(tokens, length);
    }

    /// Adds a token.
    ///
    /// @return false if the first one had to go
    boolean append(int token) {
        if (length == most) {
            System.arraycopy(tokens, 1, tokens, 0, most - 1);
            tokens[most - 1] = token;
            return false;
        }
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, (int) Math.min(most, 2L * length));
        }
        tokens[length++] = token;
        return true;
    }
}
