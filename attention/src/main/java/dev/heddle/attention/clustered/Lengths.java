package dev.heddle.attention.clustered;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/// How many tokens of each sequence are no padding.
final class Lengths {
    private Lengths() {}

    /// @param lengths I32 `[B]`, or null if there is no padding
    /// @throws ShapeException if it is not one I32 a sequence
    /// @throws InputException if one is outside `0..length`
    static int[] of(@Nullable Tensor lengths, int batch, int length) {
        if (lengths == null) {
            int[] all = new int[batch];
            Arrays.fill(all, length);
            return all;
        }
        if (lengths.dtype() != DType.I32 || !lengths.shape().equals(Shape.of(batch))) {
            throw new ShapeException("lengths: found " + lengths + "; I32 [" + batch + "] is needed");
        }
        int[] valid = lengths.toInts();
        for (int one : valid) {
            if (one < 0 || one > length) {
                throw new InputException(
                        "lengths: " + one + " of a sequence of " + length + " tokens; use 0.." + length);
            }
        }
        return valid;
    }

    /// BOOL `[B, 1, 1, L]`, true for what is no padding.
    static Tensor mask(int[] valid, int length) {
        boolean[] mask = new boolean[Math.multiplyExact(valid.length, length)];
        for (int b = 0; b < valid.length; b++) {
            Arrays.fill(mask, b * length, b * length + valid[b], true);
        }
        return Tensor.of(mask, valid.length, 1, 1, length);
    }
}
