package dev.heddle.models.tokenizer;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// One token for each character (Unicode code point), in the order of their numbers: the vocabulary of character-level
/// language models such as nanoGPT's.
public final class CharacterTokenizer implements Tokenizer {
    private final int[] codePoints;
    private final Map<Integer, Integer> ids = new HashMap<>();

    private CharacterTokenizer(int[] codePoints) {
        this.codePoints = codePoints;
        for (int id = 0; id < codePoints.length; id++) {
            ids.put(codePoints[id], id);
        }
    }

    /// The characters that occur in a corpus.
    ///
    /// @throws InputException if it is empty
    public static CharacterTokenizer of(String corpus) {
        if (corpus.isEmpty()) {
            throw new InputException("corpus: it is empty; give a text of at least one character");
        }
        return new CharacterTokenizer(corpus.codePoints().sorted().distinct().toArray());
    }

    /// The tokenizer of a vocabulary that [#vocabulary] gave.
    ///
    /// @throws ConfigException if the characters are not sorted and distinct, or there are none
    public static CharacterTokenizer ofVocabulary(String vocabulary) {
        int[] codePoints = vocabulary.codePoints().toArray();
        if (codePoints.length == 0) {
            throw new ConfigException("character vocabulary: it is empty; it needs at least one character");
        }
        for (int i = 1; i < codePoints.length; i++) {
            if (codePoints[i] <= codePoints[i - 1]) {
                throw new ConfigException(
                        "character vocabulary: character %d (U+%04X) does not come after the one before; it must be sorted without repeats"
                                .formatted(i, codePoints[i]));
            }
        }
        return new CharacterTokenizer(codePoints);
    }

    /// All characters in the order of their ids, as one text: what a checkpoint keeps.
    public String vocabulary() {
        return new String(codePoints, 0, codePoints.length);
    }

    @Override
    public int vocabularySize() {
        return codePoints.length;
    }

    @Override
    public int[] encode(String text) {
        return text.codePoints().map(this::id).toArray();
    }

    private int id(int codePoint) {
        Integer id = ids.get(codePoint);
        if (id == null) {
            throw new InputException(
                    "character: U+%04X is not in the vocabulary of %d characters; leave it out or use the model's text"
                            .formatted(codePoint, codePoints.length));
        }
        return id;
    }

    @Override
    public byte[] bytes(int previous, int token) {
        if (token < 0 || token >= codePoints.length) {
            throw new InputException(
                    "token: " + token + " is outside the vocabulary; use 0.." + (codePoints.length - 1));
        }
        return Tokenizer.utf8(Character.toString(codePoints[token]));
    }

    @Override
    public boolean endsText(int token) {
        return false;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CharacterTokenizer tokenizer && Arrays.equals(codePoints, tokenizer.codePoints);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(codePoints);
    }
}
