package dev.heddle.positional;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/// The absolute positions of a run of tokens: 0..N−1 for a whole sequence, an offset for cached decoding, any numbers
/// for packed or left-padded ones. Rotations take negative ones too, tables of positions do not.
public final class Positions {
    private final int[] values;

    private Positions(int[] values) {
        this.values = values;
    }

    /// `first, first+1, …`, `count` of them.
    ///
    /// @throws InputException if the last one would be too large
    public static Positions range(int first, int count) {
        if ((long) first + count > Integer.MAX_VALUE) {
            throw new InputException(
                    "position: " + count + " tokens from position " + first + " on pass 2^31; use a smaller offset");
        }
        return new Positions(IntStream.range(first, first + count).toArray());
    }

    /// Explicit positions: one a token of every sequence alike, or, for sequences that differ, one a token of the whole
    /// batch, sequence after sequence.
    public static Positions of(int... values) {
        return new Positions(values.clone());
    }

    /// Explicit positions `[N]` or `[B, N]`, I32.
    ///
    /// @throws InputException if they are not whole numbers
    public static Positions of(Tensor values) {
        if (values.dtype() != DType.I32) {
            throw new InputException("positions: found " + values + "; whole numbers (I32) are needed");
        }
        return of(values.toInts());
    }

    /// The input `positions` of a catalogue subject, or `offset, offset + 1, …`.
    static Positions input(Map<String, Tensor> inputs, int offset, int tokens) {
        Tensor given = inputs.get("positions");
        return given == null ? range(offset, tokens) : of(given);
    }

    /// One row for each position, `[count, C]`, in the axes of the input `positions`: `[B, N, C]` where that is `[B, N]`.
    static Tensor inAxesOfInput(Map<String, Tensor> inputs, Tensor rows) {
        Tensor given = inputs.get("positions");
        return given == null || given.rank() != 2
                ? rows
                : Layout.reshape(rows, given.dim(0), given.dim(1), rows.dim(1));
    }

    /// The positions of a padded batch: every token counts those before it that are not padding, so that a sequence
    /// gets the same positions with and without padding on its left. Padding on the left gets 0.
    ///
    /// @param keyMask `[B, N]` BOOL, true for real tokens
    /// @throws InputException if the mask is of another kind
    public static Positions ofPadded(Tensor keyMask) {
        if (keyMask.dtype() != DType.BOOL || keyMask.rank() != 2) {
            throw new InputException("key mask: found " + keyMask + "; BOOL [B, N] is needed");
        }
        boolean[] real = keyMask.toBooleans();
        int[] values = new int[real.length];
        int length = keyMask.dim(1);
        for (int i = 0; i < real.length; i++) {
            int before = i % length == 0 ? -1 : values[i - 1];
            values[i] = real[i] ? before + 1 : before;
        }
        Arrays.setAll(values, i -> Math.max(0, values[i]));
        return new Positions(values);
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

    /// The smallest position, 0 if there is none.
    public int min() {
        return IntStream.of(values).min().orElse(0);
    }

    /// Refuses what has no row in a table.
    ///
    /// @throws InputException if one is negative
    void requireCounted() {
        if (min() < 0) {
            throw new InputException("position: " + min() + " is negative; use positions that count from 0");
        }
    }

    /// True if every position is one more than that before it.
    public boolean isRange() {
        for (int i = 1; i < values.length; i++) {
            if (values[i] != values[i - 1] + 1) {
                return false;
            }
        }
        return true;
    }

    /// True if there is one position for every token of the batch, false if one for every token of a sequence.
    ///
    /// @throws ShapeException if there are other numbers of tokens than of positions
    boolean areForBatch(long batch, int tokens) {
        if (values.length != tokens && values.length != batch * tokens) {
            throw new ShapeException(
                    "positions: "
                            + values.length
                            + " given for "
                            + batch
                            + " sequences of "
                            + tokens
                            + " tokens; give "
                            + tokens
                            + " or "
                            + batch * tokens);
        }
        return values.length != tokens;
    }

    public int[] toArray() {
        return values.clone();
    }
}
