package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Tile;

/// Which pairs of one tile are allowed: a 64-bit word per query, from the pattern, the mask and the end of the keys.
final class RowBits {
    /// One word a query, zero beyond the tile's last query.
    final long[] rows;

    RowBits(int rows) {
        this.rows = new long[rows];
    }

    /// What is allowed of `count` places of queries from `i0` and of a tile of keys, by the pattern, the mask and the end of
    /// the keys. The words are computed only where that is `PARTIAL`.
    Tile look(Pass pass, int b, int h, int i0, int count, int tile) {
        int query = i0 + pass.offset;
        int k0 = tile * PackedTiles.TILE;
        int k1 = Math.min(k0 + PackedTiles.TILE, pass.keys);
        Tile kind = pass.pattern.tile(h, query, query + count, k0, k1);
        boolean whole = kind == Tile.FULL && pass.call.mask() == null && k1 - k0 == PackedTiles.TILE;
        if (kind == Tile.EMPTY || whole) {
            return kind;
        }
        return fill(pass, kind, b, h, i0, count, k0) ? Tile.PARTIAL : Tile.EMPTY;
    }

    // False if no pair is allowed.
    private boolean fill(Pass pass, Tile kind, int b, int h, int i0, int count, int k0) {
        int query = i0 + pass.offset;
        int keys = Math.min(PackedTiles.TILE, pass.keys - k0);
        PairMask mask = pass.call.mask();
        boolean maskByQuery = mask != null && mask.query() != 0;
        long inside = AttentionPattern.firstBits(keys);
        if (mask != null && !maskByQuery) {
            inside &= maskBits(pass, mask.row(b, h, 0), k0, keys);
        }
        long any = 0;
        for (int r = 0; r < rows.length; r++) {
            long bits = r < count ? inside : 0;
            if (bits != 0 && kind == Tile.PARTIAL) {
                bits &= pass.pattern.bits(h, query + r, k0);
            }
            if (bits != 0 && mask != null && maskByQuery) {
                bits &= maskBits(pass, mask.row(b, h, pass.query(i0 + r)), k0, keys);
            }
            rows[r] = bits;
            any |= bits;
        }
        return any != 0;
    }

    private static long maskBits(Pass pass, long row, int k0, int keys) {
        if (pass.isNatural()) {
            return PairMask.bits(row + k0, keys);
        }
        long bits = 0;
        for (int t = 0; t < keys; t++) {
            bits |= PairMask.bits(row + pass.key(k0 + t), 1) << t;
        }
        return bits;
    }

    /// The keys that any query of the panel starting at row `r` may see.
    long panel(int r) {
        return rows[r] | rows[r + 1] | rows[r + 2] | rows[r + 3] | rows[r + 4] | rows[r + 5];
    }

    /// The end of the panels from row `r` on whose queries may see every key of the tile; `r` if there is none.
    int allowedUntil(int r, int stop) {
        int end = r;
        while (end < stop && allows(end)) {
            end += TileProducts.PANEL;
        }
        return end;
    }

    private boolean allows(int r) {
        return (rows[r] & rows[r + 1] & rows[r + 2] & rows[r + 3] & rows[r + 4] & rows[r + 5]) == -1L;
    }

    /// The first query that may see any key of the panel from key `j` on; `count` if there is none.
    int firstQuery(int j, int count) {
        long panel = AttentionPattern.firstBits(TileProducts.PANEL) << j;
        int r = 0;
        while (r < count && (rows[r] & panel) == 0) {
            r++;
        }
        return r;
    }

    /// The last query below `count` that may see any key of the panel from key `j` on; −1 if there is none.
    int lastQuery(int j, int count) {
        long panel = AttentionPattern.firstBits(TileProducts.PANEL) << j;
        int r = count - 1;
        while (r >= 0 && (rows[r] & panel) == 0) {
            r--;
        }
        return r;
    }
}
