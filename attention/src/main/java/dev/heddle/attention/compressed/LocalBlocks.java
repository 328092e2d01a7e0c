package dev.heddle.attention.compressed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.error.ConfigException;

/// Causal blocks of tokens: query `i` sees key `j` iff `j ≤ i` and `0 ≤ ⌊i/length⌋ − ⌊j/length⌋ ≤ reach`.
///
/// Source: tensor2tensor, `masked_within_block_local_attention_1d` (reach 0) and `masked_local_attention_1d` (reach 1).
///
/// @param length tokens in a block
/// @param reach 0 for the query's own block, 1 for the block before it too
public record LocalBlocks(int length, int reach) implements AttentionPattern {
    /// @throws ConfigException if the length is below 1 or the reach neither 0 nor 1
    public LocalBlocks {
        if (length < 1) {
            throw new ConfigException("block_length: " + length + " is less than 1; use 1 or more");
        }
        if (reach < 0 || reach > 1) {
            throw new ConfigException(
                    "reach: " + reach + " blocks back; use 0 for the own block, 1 for the one before it too");
        }
    }

    /// The tokens that a query sees at most, `(reach + 1)·length`.
    public long span() {
        return (reach + 1L) * length;
    }

    private long first(int query) {
        return ((long) Math.floorDiv(query, length) - reach) * length;
    }

    @Override
    public boolean allows(int head, int query, int key) {
        return key <= query && key >= first(query);
    }

    @Override
    public long bits(int head, int query, int key) {
        long below = Math.max(0, first(query) - key);
        long stop = (long) query + 1 - key;
        if (below >= BITS || stop <= below) {
            return 0;
        }
        return (-1L << below) & AttentionPattern.firstBits((int) Math.min(BITS, stop));
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        if (k0 > q1 - 1 || k1 - 1 < first(q0)) {
            return Tile.EMPTY;
        }
        return k1 - 1 <= q0 && k0 >= first(q1 - 1) ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.of(first(q0), q1);
    }

    @Override
    public boolean isUniform(int heads) {
        return true;
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        return pairsBefore(keys) - pairsBefore(Math.max(0, keys - queries));
    }

    // Of the queries 0..n−1: triangles within the blocks, and for every query the whole block before its own.
    private long pairsBefore(int n) {
        long whole = n / length;
        long rest = n % length;
        long triangles = whole * triangle(length) + triangle(rest);
        return triangles + reach * (long) length * Math.max(0, n - length);
    }

    private static long triangle(long n) {
        return n * (n + 1) / 2;
    }
}
