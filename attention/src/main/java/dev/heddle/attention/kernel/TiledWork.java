package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;

/// What the tiled forward pass costs before it is run: no panel of queries multiplies more keys than counted here, at any
/// vector width. The multiply-adds of the allowed pairs alone are `pairs·(Dh + Dv)`; the rest is what filling up tiles
/// takes.
public final class TiledWork {
    private static final int TILE = PackedTiles.TILE;

    /// Queries that are multiplied together; fewer are filled up to so many.
    public static final int PANEL = TileProducts.PANEL;

    /// Floats in the widest vector: the columns of values are filled up to multiples of it.
    public static final int WIDEST = 16;

    /// Keys are filled up to multiples of this many: two of the widest vectors.
    public static final int KEYS = 2 * WIDEST;

    private TiledWork() {}

    /// The multiply-adds of a call at most, without a mask.
    public static long multiplyAdds(AttentionShape shape, AttentionPattern pattern) {
        long columns = 0;
        for (Pass pass : Pass.of(AttentionCall.of(shape, pattern))) {
            int rows = TiledForward.rows(pass);
            for (int head : pass.heads) {
                for (int i0 = 0; i0 < pass.queries; i0 += rows) {
                    int end = Math.min(i0 + rows, pass.queries);
                    for (int panel = i0; panel < end; panel += PANEL) {
                        columns += columns(pass, head, panel, Math.min(panel + PANEL, end));
                    }
                }
            }
        }
        return shape.batch() * columns * PANEL * (shape.width() + padded(shape.valueWidth()));
    }

    /// The multiply-adds of a forward pass over [SortedChunks] at most.
    ///
    /// @param size tokens in a chunk
    /// @param slots tokens times rounds times heads, of all sequences
    public static long multiplyAdds(int size, int width, long slots) {
        int rows = (size + PANEL - 1) / PANEL * PANEL;
        long columns = 0;
        for (int first = 0; first < size; first += TILE) {
            columns += padded(Math.min(TILE, size - first));
        }
        return slots / size * 2 * rows * columns * (width + padded(width));
    }

    private static long columns(Pass pass, int head, int i0, int i1) {
        int first = i0 + pass.offset;
        int stop = i1 + pass.offset;
        long columns = 0;
        for (int k0 = 0; k0 < pass.keys; k0 += TILE) {
            long inside = AttentionPattern.firstBits(pass.keys - k0);
            long seen = 0;
            for (int query = first; query < stop; query++) {
                seen |= pass.pattern.bits(head, query, k0) & inside;
            }
            if (seen != 0) {
                int from = Long.numberOfTrailingZeros(seen) & -KEYS;
                columns += (TILE - Long.numberOfLeadingZeros(seen) + KEYS - 1 & -KEYS) - from;
            }
        }
        return columns;
    }

    private static int padded(int size) {
        return (size + WIDEST - 1) & -WIDEST;
    }
}
