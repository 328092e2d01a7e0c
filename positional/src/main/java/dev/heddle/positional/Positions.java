package dev.heddle.positional;

import dev.heddle.core.error.InputException;

import java.util.stream.IntStream;

/// The absolute positions of a run of tokens: 0..N−1 for a whole sequence, an offset for cached decoding, any numbers
/// for packed or left-padded ones.
public final class Positions {
    private final int[] values;

    private Positions(int[] values) {
        this.values = values;
    }

    /// `first, first+1, …`, `count` of them.
    public static Positions range(int first, int count) {
        return of(IntStream.range(first, Math.addExact(first, count)).toArray());
    }

    /// Explicit positions, one a token.
    ///
    /// @throws InputException if one is negative
    public static Positions of(int... values) {
        for (int value : values) {
            if (value < 0) {
                throw new InputException("position: " + value + " is negative; positions count from 0");
            }
        }
        return new Positions(values.clone());
    }

    public int count() {
        return values.length;
    }

    public int at(int token) {
        return values[token];
    }

    /// The largest position, −1 if there is none.
    public int max() {
        return IntStream.of(values).max().orElse(-1);
    }

    public int[] toArray() {
        return values.clone();
    }
}
