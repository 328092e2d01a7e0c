package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Gathered;
import dev.heddle.attention.pattern.Gathering;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/// The order in which a call's tokens go through the kernel: their own, or the one in which the tiles of the pattern are
/// dense. All heads go together and a query needs all its keys at once, so that, other than in plain attention, there is
/// one order for the whole pattern.
///
/// @param gathered the tokens in another order; null for their own
/// @param pattern over the places of that order
/// @param queries places of queries
/// @param keys places of keys
/// @param offset where the pattern has the first query
record Arrangement(@Nullable Gathered gathered, AttentionPattern pattern, int queries, int keys, int offset) {
    /// @param pattern the same for all heads
    /// @param queries tokens that are the last of `keys` tokens
    static Arrangement of(AttentionPattern pattern, int queries, int keys) {
        Gathering gathering = pattern.gathering(0);
        // The queries of one tile see, together, what they see in any order.
        if (gathering.equals(Gathering.NATURAL) || queries <= TilePlan.MOST_ROWS) {
            return new Arrangement(null, pattern, queries, keys, keys - queries);
        }
        Gathered gathered = gathering.gather(queries, keys);
        return new Arrangement(gathered, pattern.through(gathered), gathered.queries(), gathered.keys(), 0);
    }

    TilePlan plan(int heads) {
        return TilePlan.of(heads, this);
    }

    /// Queries, or their factors, in this order.
    ///
    /// @param x `[B, N, …]`
    /// @param all tokens of the sequence that the queries are the last of
    Tensor ofQueries(Tensor x, int all) {
        Gathered order = gathered;
        return order == null ? x : rows(x, order.queries(), place -> order.query(place) - all + x.dim(1));
    }

    /// Keys, values or factors of keys in this order.
    ///
    /// @param x `[B, M, …]`; more tokens than there are keys may follow
    Tensor ofKeys(Tensor x) {
        Gathered order = gathered;
        return order == null ? x : rows(x, order.keys(), order::key);
    }

    private static Tensor rows(Tensor x, int places, IntUnaryOperator token) {
        int[] index = new int[x.dim(0) * places];
        Arrays.setAll(index, i -> i / places * x.dim(1) + token.applyAsInt(i % places));
        return Layout.reshape(Gather.rows(flat(x), Tensor.of(index, index.length), "token"), x.shape().with(1, places));
    }

    private static Tensor flat(Tensor x) {
        return Layout.reshape(x, x.dim(0) * x.dim(1), Math.toIntExact(x.shape().product(2, x.rank())));
    }

    /// What queries got, in the order of the tokens; those without a place got nothing, 0.
    ///
    /// @param y `[B, places, …]`
    /// @param tokens queries of a sequence, the last of `all`
    Tensor restore(Tensor y, int tokens, int all) {
        Gathered order = gathered;
        if (order == null) {
            return y;
        }
        int batch = y.dim(0);
        int none = batch * queries;
        int[] index = new int[batch * tokens];
        Arrays.fill(index, none);
        for (int place = 0; place < queries; place++) {
            for (int b = 0; b < batch; b++) {
                index[b * tokens + order.query(place) - all + tokens] = b * queries + place;
            }
        }
        Tensor rows = flat(y);
        Tensor zero = Tensor.zeros(y.dtype(), 1, rows.dim(1));
        Tensor ordered = Gather.rows(Layout.concatenate(0, rows, zero), Tensor.of(index, index.length), "token");
        return Layout.reshape(ordered, y.shape().with(1, tokens));
    }

    /// Which keys the query at a place may see: bit t for key `from + t`.
    long seen(int place, int from) {
        return pattern.bits(0, offset + place, from) & AttentionPattern.firstBits(keys - from);
    }

    /// Which of the keys `from..to-1` the queries at the places `first..first+rows-1` may see; never all of them if some
    /// do not exist.
    Tile seen(int first, int rows, int from, int to) {
        Tile seen = pattern.tile(0, offset + first, offset + first + rows, from, to);
        return seen == Tile.FULL && to > keys ? Tile.PARTIAL : seen;
    }

    /// Ranges that hold every key that the queries at the places `first..first+rows-1` may see.
    KeyRanges keysOf(int first, int rows) {
        return pattern.keys(0, offset + first, offset + first + rows).intersect(KeyRanges.of(0, keys));
    }
}
