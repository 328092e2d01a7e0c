package dev.heddle.attention.clustered;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;

/// Queries sorted by cluster beside the keys chosen for each cluster: every query of a cluster sees the cluster's keys.
/// Along the queries of a head the ranges of keys never go back, so that a tile of queries sees one range.
///
/// The pattern fits one call only, with `queries` queries and `keys` keys.
final class ClusterBlocks implements AttentionPattern {
    private final int queries;
    private final int keys;
    private final int[] from;
    private final int[] to;

    /// @param from per head and query the first of its keys
    /// @param to one past the last
    ClusterBlocks(int queries, int keys, int[] from, int[] to) {
        this.queries = queries;
        this.keys = keys;
        this.from = from;
        this.to = to;
    }

    // The last query sits beside the last key. Tiles may reach beyond the last query.
    private int index(int head, int query) {
        return head * queries + Math.clamp((long) query + queries - keys, 0, queries - 1);
    }

    @Override
    public boolean allows(int head, int query, int key) {
        int i = index(head, query);
        return key >= from[i] && key < to[i];
    }

    @Override
    public long bits(int head, int query, int key) {
        int i = index(head, query);
        return AttentionPattern.firstBits(to[i] - key) & ~AttentionPattern.firstBits(from[i] - key);
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        int first = index(head, q0);
        int last = index(head, q1 - 1);
        if (k0 >= to[last] || k1 <= from[first]) {
            return Tile.EMPTY;
        }
        return k0 >= from[last] && k1 <= to[first] ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.of(from[index(head, q0)], to[index(head, q1 - 1)]);
    }
}
