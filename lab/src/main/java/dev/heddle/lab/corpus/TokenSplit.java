package dev.heddle.lab.corpus;

import dev.heddle.core.error.InputException;

import java.util.Arrays;

/// The tokens of a corpus: the first nine tenths to train on, the rest to validate on.
///
/// @param training token ids
/// @param validation token ids
public record TokenSplit(int[] training, int[] validation) {
    /// Splits the tokens of a corpus.
    ///
    /// @param context tokens of one window; both parts must hold one and the token after it
    /// @throws InputException if a part is shorter than that
    public static TokenSplit of(int[] tokens, int context) {
        int cut = (int) (tokens.length * 9L / 10);
        int shorter = Math.min(cut, tokens.length - cut);
        if (shorter <= context) {
            throw new InputException(
                    "corpus: its last tenth, the validation text, has "
                            + shorter
                            + " tokens, less than one context and the token after it ("
                            + (context + 1)
                            + "); give a longer corpus or a shorter context");
        }
        return new TokenSplit(Arrays.copyOfRange(tokens, 0, cut), Arrays.copyOfRange(tokens, cut, tokens.length));
    }
}
