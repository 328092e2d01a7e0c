package dev.heddle.attention.compressed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;

/// Which columns of a compressed memory a query sees: the leading ones, which stand for no block, and those of the blocks
/// that are closed. The query at position `i` sees the first `lead + max(0, ⌊(i + offset)/factor⌋)` columns.
///
/// Tokens and columns advance at different speeds, so a pattern fits one number of tokens only: [#of] says which.
///
/// @param factor tokens in a block
/// @param lead columns in front of the blocks
/// @param offset from a query's position to the number of tokens in blocks that it may see
record CompressedColumns(int factor, int lead, int offset) implements AttentionPattern {
    /// The pattern of the last queries of a sequence of `blocks·factor + rest` tokens.
    ///
    /// @param closing 1 if a block is seen by the token that closes it, 0 if only by those after it
    static CompressedColumns of(int factor, int lead, int blocks, int rest, int closing) {
        int tokens = Math.addExact(Math.multiplyExact(blocks, factor), rest);
        // The last query is token tokens−1 and sits beside the last of lead + blocks columns.
        return new CompressedColumns(factor, lead, tokens + closing - lead - blocks);
    }

    private long seen(int query) {
        return lead + Math.max(0, Math.floorDiv((long) query + offset, factor));
    }

    @Override
    public boolean allows(int head, int query, int key) {
        return key < seen(query);
    }

    @Override
    public long bits(int head, int query, int key) {
        return AttentionPattern.firstBits(Math.clamp(seen(query) - key, 0, BITS));
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        if (k0 >= seen(q1 - 1)) {
            return Tile.EMPTY;
        }
        return k1 <= seen(q0) ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.of(Integer.MIN_VALUE, seen(q1 - 1));
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        long led = (long) queries * Math.min(lead, keys);
        long blocks = Math.max(0, keys - lead);
        long first = (long) keys - queries + offset;
        return led + blocksBefore(first + queries, blocks) - blocksBefore(first, blocks);
    }

    // Σ min(⌊t/factor⌋, most) over t = 0..n−1.
    private long blocksBefore(long n, long most) {
        long rising = Math.clamp(n, 0, most * factor);
        long whole = rising / factor;
        long sum = factor * (whole * (whole - 1) / 2) + rising % factor * whole;
        return sum + Math.max(0, n - rising) * most;
    }
}
