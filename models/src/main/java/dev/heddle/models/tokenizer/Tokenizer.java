package dev.heddle.models.tokenizer;

import java.nio.charset.StandardCharsets;

/// Text to token ids and back, through bytes: a token may be a part of a character, so tokens become bytes and the bytes
/// together become text.
public interface Tokenizer {
    /// Number of different tokens; ids count from 0.
    int vocabularySize();

    /// The ids of a text, with the token that marks a beginning in front if the tokenizer has one.
    ///
    /// @throws dev.heddle.core.error.InputException if a character has no token
    int[] encode(String text);

    /// The bytes of a token, UTF-8 when all bytes of a text are put together.
    ///
    /// @param previous the token before it, −1 at the start of a text
    /// @throws dev.heddle.core.error.InputException if the token is outside the vocabulary
    byte[] bytes(int previous, int token);

    /// True if a model that generates this token has said all it wanted.
    boolean endsText(int token);

    /// The text of tokens; bytes that are no character become U+FFFD.
    default String decode(int... tokens) {
        var text = new TextStream(this);
        var whole = new StringBuilder();
        for (int token : tokens) {
            whole.append(text.append(token));
        }
        return whole.append(text.end()).toString();
    }

    /// The UTF-8 bytes of a text.
    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
