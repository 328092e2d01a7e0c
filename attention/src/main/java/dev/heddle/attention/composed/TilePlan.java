package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.Window;

import java.util.ArrayList;
import java.util.List;

/// How the queries of a sequence are cut into tiles, and of which keys a tile holds the scores. All heads of a pair are
/// needed at once, so a tile holds whole rows: its queries by all keys that one of them sees.
///
/// @param tiles in the order of their queries
/// @param origin the first key of any tile
/// @param keys the keys there are
record TilePlan(List<Tile> tiles, int origin, int keys) {
    /// Rows of scores are a multiple of this many columns: whole vectors, two at a time, at every width.
    static final int PAD = 32;

    /// Scores of a tile: more would leave the caches while the heads are mixed, fewer rows would leave too little
    /// work to the products, which pack the keys again for each tile.
    private static final int SCORES = 1 << 18;

    private static final int FEWEST_ROWS = 32;
    private static final int MOST_ROWS = 64;

    /// Between the heads of a tile, so that they do not all fall into the same sets of the cache.
    private static final int SKEW = 16;

    /// A tile.
    ///
    /// @param first its first query
    /// @param rows its queries
    /// @param from its first key, a multiple of [#PAD]
    /// @param to the key after its last
    record Tile(int first, int rows, int from, int to) {
        int keys() {
            return to - from;
        }

        int columns() {
            return padded(to - from);
        }
    }

    static int padded(int size) {
        return (size + PAD - 1) & -PAD;
    }

    /// The tiles of `queries` queries that are the last of `keys` tokens.
    static TilePlan of(int heads, int queries, int keys, Window window) {
        int widest = firstKeyOf(window, keys - 1, keys) == 0 ? keys : Math.min(keys, window.left() + MOST_ROWS);
        int rows = Math.clamp(SCORES / ((long) heads * widest), FEWEST_ROWS, MOST_ROWS);
        List<Tile> tiles = new ArrayList<>();
        int offset = keys - queries;
        for (int first = 0; first < queries; first += rows) {
            int count = Math.min(rows, queries - first);
            int from = firstKeyOf(window, first + offset, keys) & -PAD;
            tiles.add(new Tile(first, count, from, keyAfter(window, first + count - 1 + offset, keys)));
        }
        return new TilePlan(tiles, tiles.getFirst().from(), keys);
    }

    /// The first key that the query at a position sees.
    static int firstKeyOf(Window window, int position, int keys) {
        return window.left() == Window.UNLIMITED ? 0 : Math.clamp((long) position - window.left(), 0, keys);
    }

    /// The key after the last that the query at a position sees.
    static int keyAfter(Window window, int position, int keys) {
        return window.right() == Window.UNLIMITED ? keys : Math.clamp(position + 1L + window.right(), 0, keys);
    }

    /// Room for the keys from the origin on.
    int room() {
        return padded(keys - origin);
    }

    /// Elements from one head of a tile to the next: the same for all tiles, so that they take turns in the same
    /// memory.
    int headStride() {
        return tiles.stream().mapToInt(tile -> tile.rows() * tile.columns()).max().orElse(0) + SKEW;
    }

    /// The pairs whose scores are computed, seen or not.
    long pairs() {
        return tiles.stream().mapToLong(tile -> (long) tile.rows() * tile.keys()).sum();
    }
}
