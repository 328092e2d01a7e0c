package dev.heddle.attention.pattern;

import java.util.List;

/// Which key a query may see.
///
/// Positions are absolute: with `N` queries and `M` keys, key `j` is at position `j` and query `i` at position
/// `i + M − N` (the last query sits beside the last key), which may be negative where there are more queries than keys.
/// A pattern knows nothing of `M`: keys outside `0..M-1` are the caller's to leave out.
///
/// Only [#allows(int, int, int)] has to be written. The other answers let a kernel skip work; they may be coarse, but
/// never hide an allowed pair: [#tile] may say `PARTIAL` of anything, [#keys] may name too many keys.
public interface AttentionPattern {
    /// The keys that [#bits] covers, and the width of a kernel's key tile.
    int BITS = Long.SIZE;

    /// Whether the query at position `query` may see the key at position `key`.
    boolean allows(int head, int query, int key);

    /// Bit `t` is set iff the query may see key `key + t`, for `t` in `0..63`.
    default long bits(int head, int query, int key) {
        long bits = 0;
        for (int t = 0; t < BITS; t++) {
            if (allows(head, query, key + t)) {
                bits |= 1L << t;
            }
        }
        return bits;
    }

    /// What is allowed of the queries `q0..q1-1` and the keys `k0..k1-1`.
    default Tile tile(int head, int q0, int q1, int k0, int k1) {
        return Tile.PARTIAL;
    }

    /// Ranges that hold every key that any of the queries `q0..q1-1` may see.
    default KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.ALL;
    }

    /// Whether its [#keys] prove that no query of any head sees a later key: then tokens can be fed one by one.
    default boolean isCausal(int heads) {
        for (int head = 0; head < heads; head++) {
            for (int query : new int[] {0, 1, 63, 4096}) {
                KeyRanges keys = keys(head, query, query + 1);
                if (keys.count() > 0 && keys.stop(keys.count() - 1) > query + 1) {
                    return false;
                }
            }
        }
        return true;
    }

    /// Whether it proves that the first `heads` heads all see the same pairs, as mixers need that take the heads of a pair
    /// together.
    default boolean isUniform(int heads) {
        return heads == 1;
    }

    /// The exact number of allowed pairs of one head, with `queries` queries and `keys` keys.
    default long pairs(int head, int queries, int keys) {
        KeyRanges inside = KeyRanges.of(0, keys);
        long pairs = 0;
        for (int query = keys - queries; query < keys; query++) {
            KeyRanges ranges = keys(head, query, query + 1).intersect(inside);
            for (int key : ranges.words()) {
                pairs += Long.bitCount(bits(head, query, key) & firstBits(keys - key));
            }
        }
        return pairs;
    }

    /// The exact number of allowed pairs of head 0 in self-attention over `n` tokens.
    default long pairs(int n) {
        return pairs(0, n, n);
    }

    /// Patterns whose union this is for one head, each of which a kernel may take on its own.
    default List<AttentionPattern> terms(int head) {
        return List.of(this);
    }

    /// The order of tokens in which this pattern's tiles are dense. If it has runs, no pair of the pattern may join two of
    /// them.
    default Gathering gathering(int head) {
        return Gathering.NATURAL;
    }

    /// This pattern over the places of gathered tokens. It need only be right for tokens of one run.
    default AttentionPattern through(Gathered gathered) {
        return new Placed(this, gathered);
    }

    /// The pairs that both allow.
    default AttentionPattern and(AttentionPattern other) {
        return new Composite.And(this, other);
    }

    /// The pairs that either allows, in one softmax.
    default AttentionPattern or(AttentionPattern other) {
        return new Composite.Or(this, other);
    }

    /// The pairs that this one forbids.
    default AttentionPattern not() {
        return new Composite.Not(this);
    }

    /// The lowest `count` bits set (none for `count ≤ 0`, all for `count ≥ 64`).
    static long firstBits(int count) {
        if (count <= 0) {
            return 0;
        }
        return count >= BITS ? -1L : (1L << count) - 1;
    }
}
