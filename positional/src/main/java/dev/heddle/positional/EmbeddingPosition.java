package dev.heddle.positional;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// Position added to the token embedding.
public abstract non-sealed class EmbeddingPosition extends PositionEncoding {
    /// `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws dev.heddle.core.error.InputException if a position is beyond the table
    public abstract Tensor apply(Tensor x, Positions positions);

    /// `x` `[B, N, D]` plus one row of D numbers for each position, differentiable in both.
    ///
    /// @throws ShapeException if widths or numbers of tokens differ
    static Tensor plusRows(Tensor x, Tensor rows, Positions positions) {
        requireWidth(x, rows.dim(-1));
        if (x.dtype() != rows.dtype()) {
            throw new ShapeException("position: input " + x + " does not fit; " + rows.dtype() + " is needed");
        }
        boolean forBatch = positions.areForBatch(x.shape().product(0, x.rank() - 2), x.dim(-2));
        return Arithmetic.add(x, forBatch ? Layout.reshape(rows, x.shape()) : rows);
    }

    /// @throws ShapeException if `x` is not floating `[…, N, width]`
    static void requireWidth(Tensor x, int width) {
        if (x.rank() < 2 || x.dim(-1) != width || !x.dtype().isFloating()) {
            throw new ShapeException(
                    "position: input " + x + " does not fit; floating [B, N, " + width + "] is needed");
        }
    }

    /// Makes the encoding for a stack.
    @FunctionalInterface
    public interface Factory extends StackPart {
        EmbeddingPosition create(int width, Seed seed);
    }
}
