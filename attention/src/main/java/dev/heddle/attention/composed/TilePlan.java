package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;

import java.util.ArrayList;
import java.util.List;

/// How the queries of a sequence are cut into tiles, and of which keys a tile holds the scores. All heads of a pair are
/// needed at once, and all keys of a query, so a tile holds whole rows: its queries by all keys that one of them may see.
///
/// @param tiles in the order of their queries
/// @param origin the first key of any tile
/// @param keys the keys there are
record TilePlan(List<QueryTile> tiles, int origin, int keys) {
    /// Rows of scores are a multiple of this many columns: whole vectors, two at a time, at every width.
    static final int PAD = 32;

    /// The most queries of a tile.
    static final int MOST_ROWS = 64;

    /// Scores of a tile: more would leave the caches while the heads are mixed, fewer rows would leave too little
    /// work to the products, which pack the keys again for each tile.
    private static final int SCORES = 1 << 18;

    private static final int FEWEST_ROWS = 32;

    /// Between the heads of a tile, so that they do not all fall into the same sets of the cache.
    private static final int SKEW = 16;

    /// A tile.
    ///
    /// @param first its first query
    /// @param rows its queries
    /// @param stretches its keys, rising; none if no query of the tile sees any
    record QueryTile(int first, int rows, List<Stretch> stretches) {
        int keys() {
            return stretches.stream().mapToInt(Stretch::keys).sum();
        }

        /// The scores of a row.
        int columns() {
            return stretches.isEmpty() ? 0 : stretches.getLast().end();
        }
    }

    /// Neighbouring keys of a tile.
    ///
    /// @param from the first, a multiple of [#PAD]
    /// @param to the key after the last
    /// @param column where they begin in a row of the tile
    record Stretch(int from, int to, int column) {
        int keys() {
            return to - from;
        }

        /// Columns that they take up in a row.
        int columns() {
            return padded(to - from);
        }

        int end() {
            return column + columns();
        }
    }

    static int padded(int size) {
        return (size + PAD - 1) & -PAD;
    }

    /// The tiles of a call.
    static TilePlan of(int heads, Arrangement order) {
        List<QueryTile> tiles = tiles(MOST_ROWS, order);
        long widest = tiles.stream().mapToInt(QueryTile::keys).max().orElse(0);
        int rows = Math.clamp(SCORES / Math.max(1, heads * widest), FEWEST_ROWS, MOST_ROWS);
        List<QueryTile> fitting = rows == MOST_ROWS ? tiles : tiles(rows, order);
        int origin =
                fitting.stream().flatMap(tile -> tile.stretches().stream()).mapToInt(Stretch::from).min().orElse(0);
        return new TilePlan(fitting, origin, order.keys());
    }

    private static List<QueryTile> tiles(int rows, Arrangement order) {
        List<QueryTile> tiles = new ArrayList<>();
        for (int first = 0; first < order.queries(); first += rows) {
            int count = Math.min(rows, order.queries() - first);
            tiles.add(new QueryTile(first, count, stretches(first, count, order)));
        }
        return tiles;
    }

    // Blocks of PAD keys of which some query may see some, joined where they touch.
    private static List<Stretch> stretches(int first, int rows, Arrangement order) {
        KeyRanges ranges = order.keysOf(first, rows);
        List<Stretch> stretches = new ArrayList<>();
        for (int range = 0; range < ranges.count(); range++) {
            int start = ranges.start(range);
            for (int block = start & -PAD; block < ranges.stop(range); block += PAD) {
                int to = Math.min(block + PAD, ranges.stop(range));
                if (order.seen(first, rows, Math.max(block, start), to) != Tile.EMPTY) {
                    append(stretches, block, to);
                }
            }
        }
        return List.copyOf(stretches);
    }

    private static void append(List<Stretch> stretches, int block, int to) {
        Stretch last = stretches.isEmpty() ? null : stretches.getLast();
        if (last != null && block <= padded(last.to())) {
            stretches.set(stretches.size() - 1, new Stretch(last.from(), to, last.column()));
        } else {
            stretches.add(new Stretch(block, to, last == null ? 0 : last.end()));
        }
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
