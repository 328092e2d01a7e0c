package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

/// Global tokens in front: query `i` sees key `j` iff one of them is among the first `count`.
///
/// @param count the global tokens
public record LeadingTokens(int count) implements AttentionPattern {
    /// @throws ConfigException if `count` is negative
    public LeadingTokens {
        if (count < 0) {
            throw new ConfigException("global_tokens: " + count + " is negative; use 0 or more");
        }
    }

    @Override
    public boolean allows(int head, int query, int key) {
        return query < count || key < count;
    }

    @Override
    public long bits(int head, int query, int key) {
        return query < count ? -1L : AttentionPattern.firstBits(Math.clamp((long) count - key, 0, BITS));
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        if (q1 <= count || k1 <= count) {
            return Tile.FULL;
        }
        return q0 < count || k0 < count ? Tile.PARTIAL : Tile.EMPTY;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return q0 < count ? KeyRanges.ALL : KeyRanges.of(0, count);
    }

    @Override
    public boolean isUniform(int heads) {
        return true;
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        long global = Math.clamp((long) count - (keys - queries), 0, queries);
        return global * keys + (queries - global) * Math.min(count, keys);
    }
}
