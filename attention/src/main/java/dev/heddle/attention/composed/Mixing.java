package dev.heddle.attention.composed;

import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.tensor.DType;

/// Mixes the heads of a tile's pairs by the factors of their queries and keys: the terms of a [Composition] that differ
/// from pair to pair. (The one that does not is a matrix product.)
interface Mixing {
    /// Where a stage finds a tile's numbers, on raw memory. Element `[h, r, s]` of a tile of scores is
    /// `h·headStride + r·rowStride + s` elements after its address; rows of factors are the F rows of a [Composition].
    ///
    /// @param heads H
    /// @param rank R
    /// @param gated whether the last row of factors is one of gates
    /// @param rows queries of the tile
    /// @param columns keys of one of its stretches, filled up to a multiple of [TilePlan#PAD]
    /// @param rowStride elements from one query's scores to the next
    /// @param headStride elements from one head's scores to the next
    /// @param queryFactors address of the first query's factors `[F, H]`
    /// @param queryStride elements from one query's factors to the next; 0 if they are the same zeros for all
    /// @param keyFactors address of the factors of the first key; those of the keys of a stretch lie side by side
    /// @param keyStride elements from one row `[f, h]` of keys to the next; 0 if they are the same zeros for all
    record Operands(
            int heads,
            int rank,
            boolean gated,
            int rows,
            int columns,
            int rowStride,
            long headStride,
            long queryFactors,
            long queryStride,
            long keyFactors,
            long keyStride) {
        /// Numbers of a token's factors, F·H.
        int factors() {
            return Composition.rows(rank, gated) * heads;
        }
    }

    /// `out = a + W2ᵀ·W1·a + g∘a` with the terms of both sides.
    ///
    /// @param in scores a
    /// @param out overwritten; not `in`
    void forward(Operands operands, long in, long out);

    /// The gradients of [#forward].
    ///
    /// @param dOut gradients at `out`
    /// @param dIn overwritten; neither `in` nor `dOut`
    /// @param dQuery to which the gradients of the queries' factors are added, laid out as those
    /// @param dKey to which the gradients of the keys' factors are added, laid out as those
    void backward(Operands operands, long in, long dOut, long dIn, long dQuery, long dKey);

    /// The mixing of a floating type: on the Vector API where there is one for 32-bit floats, otherwise in plain loops.
    static Mixing of(DType dtype) {
        // No type of the Vector API may be loaded to decide whether it is there.
        if (dtype == DType.F32) {
            return KernelProvider.isVector() ? new VectorMixing() : new ScalarMixing(Elements.F32);
        }
        return new ScalarMixing(Elements.F64);
    }
}
