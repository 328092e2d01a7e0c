package dev.heddle.positional;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import java.util.function.IntUnaryOperator;

/// Carries query and key weights from one [RopeStyle] to the other: scores and outputs stay the same.
///
/// Apply it to the weight and bias of the query and of the key projection and to per-channel query and key norms; value
/// and output projections stay as they are.
public final class RotaryLayout {
    private final int headWidth;
    private final int rotaryWidth;

    /// @param rotaryWidth rotated columns of a head, the first ones
    /// @throws ShapeException if the number is odd or more than the head has
    public RotaryLayout(int headWidth, int rotaryWidth) {
        if (rotaryWidth < 0 || rotaryWidth % 2 != 0 || rotaryWidth > headWidth) {
            throw new ShapeException(
                    "rotary_dim: " + rotaryWidth + " must be even and 0.." + headWidth + ", the width of a head");
        }
        this.headWidth = headWidth;
        this.rotaryWidth = rotaryWidth;
    }

    /// Rows `[H·d, …]` (or a bias or norm `[H·d]`) of an interleaved checkpoint for half-split code: inside each head,
    /// new row j is old row 2j and new row r/2 + j old row 2j + 1. Differentiable.
    ///
    /// @throws ShapeException if the first axis does not consist of whole heads
    public Tensor toHalfSplit(Tensor rows) {
        int half = rotaryWidth / 2;
        return reordered(rows, j -> j < half ? 2 * j : 2 * (j - half) + 1);
    }

    /// The inverse of [#toHalfSplit].
    public Tensor toInterleaved(Tensor rows) {
        int half = rotaryWidth / 2;
        return reordered(rows, j -> j % 2 == 0 ? j / 2 : half + j / 2);
    }

    private Tensor reordered(Tensor rows, IntUnaryOperator oldOfNew) {
        if (rows.rank() < 1 || rows.dim(0) % headWidth != 0) {
            throw new ShapeException(
                    "rotary layout: " + rows.shape() + " does not consist of heads of " + headWidth + " rows");
        }
        int[] index = new int[rows.dim(0)];
        for (int row = 0; row < index.length; row++) {
            int j = row % headWidth;
            index[row] = row - j + (j < rotaryWidth ? oldOfNew.applyAsInt(j) : j);
        }
        Tensor matrix = Layout.reshape(rows, rows.dim(0), -1);
        return Layout.reshape(Gather.rows(matrix, Tensor.of(index, index.length), "row"), rows.shape());
    }
}
