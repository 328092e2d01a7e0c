package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

/// Blocks along the diagonal: query `i` sees key `j` iff `⌊i/l⌋ = ⌊j/l⌋`. The last segment of a sequence may be short.
///
/// With causal attention inside it is the first of the two steps of the Sparse Transformer's fixed pattern.
///
/// @param length of a segment, l
public record Segments(int length) implements AttentionPattern {
    /// @throws ConfigException if `length` is below 1
    public Segments {
        Patterns.requirePositive("segment", length);
    }

    private long start(int position) {
        return (long) Math.floorDiv(position, length) * length;
    }

    private long stop(int position) {
        return start(position) + length;
    }

    @Override
    public boolean allows(int head, int query, int key) {
        return Math.floorDiv(query, length) == Math.floorDiv(key, length);
    }

    @Override
    public long bits(int head, int query, int key) {
        int from = Math.clamp(start(query) - key, 0, BITS);
        int to = Math.clamp(stop(query) - key, 0, BITS);
        return AttentionPattern.firstBits(to) & ~AttentionPattern.firstBits(from);
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        if (stop(q1 - 1) <= k0 || start(q0) >= k1) {
            return Tile.EMPTY;
        }
        long start = start(q0);
        return start(q1 - 1) == start && start(k0) == start && start(k1 - 1) == start ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.of(start(q0), stop(q1 - 1));
    }

    @Override
    public boolean isUniform(int heads) {
        return true;
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        int first = Math.max(0, keys - queries);
        // The segment that the first query is in the midst of, then whole ones.
        long stop = Math.min(first % length == 0 ? first : stop(first), keys);
        return (stop - first) * (stop - start(first)) + squares(keys - stop);
    }

    private long squares(long tokens) {
        long rest = tokens % length;
        return (tokens - rest) * length + rest * rest;
    }

    /// Among columns a segment's keys stay neighbours.
    @Override
    public AttentionPattern through(Gathered gathered) {
        if (!(gathered.gathering() instanceof Gathering.Columns)) {
            return AttentionPattern.super.through(gathered);
        }
        int[] starts = new int[gathered.queries()];
        int[] stops = new int[gathered.queries()];
        int start = 0;
        int stop = 0;
        for (int p = 0; p < starts.length; p++) {
            start = place(gathered, start, start(gathered.query(p)));
            stop = place(gathered, Math.max(start, stop), stop(gathered.query(p)));
            starts[p] = start;
            stops[p] = stop;
        }
        return new Intervals(starts, stops);
    }

    private static int place(Gathered gathered, int from, long position) {
        int place = from;
        while (place < gathered.keys() && gathered.key(place) < position) {
            place++;
        }
        return place;
    }
}
