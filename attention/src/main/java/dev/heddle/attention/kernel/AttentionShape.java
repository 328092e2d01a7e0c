package dev.heddle.attention.kernel;

import dev.heddle.core.error.ShapeException;

/// The sizes of one attention call.
///
/// @param batch `B`
/// @param heads `H`, query heads
/// @param kvHeads `G`, key/value heads; query head `h` reads key/value head `h / (H/G)`
/// @param queries `N`
/// @param keys `M`
/// @param width `Dh`, of queries and keys
/// @param valueWidth `Dv`, of values and outputs
public record AttentionShape(int batch, int heads, int kvHeads, int queries, int keys, int width, int valueWidth) {
    /// @throws ShapeException if a size is below 1 or the heads do not share evenly
    public AttentionShape {
        if (batch < 1 || heads < 1 || kvHeads < 1 || queries < 1 || keys < 1 || width < 1 || valueWidth < 1) {
            throw new ShapeException(
                    "attention: sizes B="
                            + batch
                            + " H="
                            + heads
                            + " G="
                            + kvHeads
                            + " N="
                            + queries
                            + " M="
                            + keys
                            + " Dh="
                            + width
                            + " Dv="
                            + valueWidth
                            + "; each must be 1 or more");
        }
        if (heads % kvHeads != 0) {
            throw new ShapeException(
                    "heads: "
                            + heads
                            + " query heads cannot share "
                            + kvHeads
                            + " key/value heads evenly; use a divisor of "
                            + heads);
        }
    }

    /// The query heads that share one key/value head (`S`).
    public int group() {
        return heads / kvHeads;
    }

    /// The absolute position of query 0.
    public int offset() {
        return keys - queries;
    }

    /// The index of a query's entry in `[B, H, N]`.
    long row(int b, int h, int i) {
        return ((long) b * heads + h) * queries + i;
    }
}
