package dev.heddle.attention.pattern;

/// Over places: query `p` sees the keys `starts[p] … stops[p] − 1`. Neither bound ever falls from one query to the next, so
/// that all answers follow from the first and the last query asked for.
///
/// @param starts first key of each query
/// @param stops one past the last key of each query, not before the first
record Intervals(int[] starts, int[] stops) implements AttentionPattern {
    @Override
    public boolean allows(int head, int query, int key) {
        return key >= starts[query] && key < stops[query];
    }

    @Override
    public long bits(int head, int query, int key) {
        return AttentionPattern.firstBits(stops[query] - key) & ~AttentionPattern.firstBits(starts[query] - key);
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        if (k1 <= starts[q0] || k0 >= stops[q1 - 1]) {
            return Tile.EMPTY;
        }
        return k0 >= starts[q1 - 1] && k1 <= stops[q0] ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.of(starts[q0], stops[q1 - 1]);
    }
}
