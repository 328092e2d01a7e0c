package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

import java.util.BitSet;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/// Which tokens a token has heard of after some layers of attention: the boolean product of the layers' masks.
///
/// With `M` the mask of one layer (rows are queries), token `i` knows of token `j` after `L` equal layers iff
/// `(M^L)[i][j]`. A residual path is not added: a pattern without the diagonal forgets.
public final class Reach {
    private final BitSet[] rows;

    private Reach(int n, IntFunction<BitSet> row) {
        rows = IntStream.range(0, n).mapToObj(row).toArray(BitSet[]::new);
    }

    /// What `layers` layers of one head's pattern connect in self-attention over `n` tokens; without layers, a token
    /// and itself.
    ///
    /// @throws ConfigException if `n` or `layers` is negative
    public static Reach of(AttentionPattern pattern, int head, int n, int layers) {
        if (n < 0 || layers < 0) {
            throw new ConfigException("reach: " + layers + " layers over " + n + " tokens; both must be 0 or more");
        }
        Reach total = new Reach(n, Reach::only);
        if (layers > 0) {
            // Squaring takes as many products as the number of layers has digits.
            Reach power = new Reach(n, i -> row(pattern, head, i, n));
            for (int rest = layers; ; rest >>= 1) {
                total = (rest & 1) == 0 ? total : total.after(power);
                if (rest == 1) {
                    break;
                }
                power = power.after(power);
            }
        }
        return total;
    }

    private static BitSet only(int i) {
        BitSet row = new BitSet();
        row.set(i);
        return row;
    }

    private static BitSet row(AttentionPattern pattern, int head, int query, int n) {
        long[] words = new long[(n + AttentionPattern.BITS - 1) / AttentionPattern.BITS];
        for (int w = 0; w < words.length; w++) {
            int key = w * AttentionPattern.BITS;
            words[w] = pattern.bits(head, query, key) & AttentionPattern.firstBits(n - key);
        }
        return BitSet.valueOf(words);
    }

    /// These layers on top of others.
    ///
    /// @throws ConfigException if the others are about another number of tokens
    public Reach after(Reach earlier) {
        requireSameLength(earlier);
        return new Reach(
                rows.length,
                i -> {
                    BitSet known = new BitSet(rows.length);
                    rows[i].stream().forEach(j -> known.or(earlier.rows[j]));
                    return known;
                });
    }

    /// These and others side by side, as the heads of one layer are.
    ///
    /// @throws ConfigException if the others are about another number of tokens
    public Reach beside(Reach other) {
        requireSameLength(other);
        return new Reach(
                rows.length,
                i -> {
                    BitSet known = (BitSet) rows[i].clone();
                    known.or(other.rows[i]);
                    return known;
                });
    }

    private void requireSameLength(Reach other) {
        if (other.rows.length != rows.length) {
            throw new ConfigException(
                    "reach: " + rows.length + " and " + other.rows.length + " tokens; the number must be the same");
        }
    }

    /// The number of tokens.
    public int tokens() {
        return rows.length;
    }

    /// Whether the token at `query` knows of the one at `key`.
    public boolean reaches(int query, int key) {
        return rows[query].get(key);
    }

    /// The number of pairs that are connected.
    public long pairs() {
        long pairs = 0;
        for (BitSet row : rows) {
            pairs += row.cardinality();
        }
        return pairs;
    }

    /// True if every token knows of every token.
    public boolean isFull() {
        return every(i -> rows[i].nextClearBit(0) >= rows.length);
    }

    /// True if every token knows of itself and all before it; of those after it too, or not.
    public boolean isCausallyFull() {
        return every(i -> rows[i].nextClearBit(0) > i);
    }

    private boolean every(IntPredicate law) {
        return IntStream.range(0, rows.length).allMatch(law);
    }
}
