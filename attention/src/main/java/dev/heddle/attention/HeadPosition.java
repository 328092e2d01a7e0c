package dev.heddle.attention;

import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;
import dev.heddle.positional.QueryKeyPosition;

import org.jspecify.annotations.Nullable;

/// What tells the queries and keys of a mixer where their tokens are, if anything does. Positions are absolute: a cached
/// form says at which its first token is.
public final class HeadPosition {
    private final @Nullable QueryKeyPosition encoding;

    /// @param encoding of the mixer's heads; null if nothing tells them where they are
    public HeadPosition(@Nullable QueryKeyPosition encoding) {
        this.encoding = encoding;
    }

    /// Queries `[B, N, H, Dh]` of the tokens from position `first` on.
    public Tensor onQueries(Tensor queries, int first) {
        return encoding == null ? queries : encoding.onQueries(queries, Positions.range(first, queries.dim(1)));
    }

    /// Queries `[B, N, H, Dh]` of tokens picked from all over a sequence.
    ///
    /// @param positions of each, one after the other, or sequence after sequence where sequences differ
    public Tensor onQueries(Tensor queries, Positions positions) {
        return encoding == null ? queries : encoding.onQueries(queries, positions);
    }

    /// Keys `[B, N, G, Dh]` of the tokens from position `first` on.
    public Tensor onKeys(Tensor keys, int first) {
        return encoding == null ? keys : encoding.onKeys(keys, Positions.range(first, keys.dim(1)));
    }
}
