package dev.heddle.lab.picture;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Reach;
import dev.heddle.attention.pattern.Tile;

import java.awt.Color;
import java.awt.Graphics2D;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The pairs that a pattern allows a head, on the tiles that a kernel would work in.
final class PairsPanel extends Panel {
    private static final Color FULL = new Color(0xCCE3F5);
    private static final Color FULL_PAIR = new Color(0x0072B2);
    private static final Color PARTIAL = new Color(0xFDEBD3);
    private static final Color PARTIAL_PAIR = new Color(0xE08214);
    private static final Color GRID = new Color(0x30_1C2126, true);
    private static final int TILES_PER_SIDE = 8;
    private static final int SMALLEST_TILE = 8;
    private static final int LARGEST_TILE = 64;

    private final AttentionPattern pattern;
    private final int head;
    private final Reach pairs;
    private final int tile;

    PairsPanel(String title, AttentionPattern pattern, int head, Reach pairs) {
        super(title, pairs.tokens());
        this.pattern = pattern;
        this.head = head;
        this.pairs = pairs;
        this.tile = Math.clamp(Integer.highestOneBit(length() / TILES_PER_SIDE), SMALLEST_TILE, LARGEST_TILE);
    }

    @Override
    String figures() {
        long count = pairs.pairs();
        String causal = isCausal(pairs) ? ", " + percent(count, most(true)) + " of causal" : "";
        return String.format(Locale.ROOT, "%,d pairs: %s of all%s", count, percent(count, most(false)), causal);
    }

    @Override
    List<Swatch> legend() {
        Map<Tile, Integer> count = new EnumMap<>(Tile.class);
        for (int query = 0; query < length(); query += tile) {
            for (int key = 0; key < length(); key += tile) {
                count.merge(at(query, key), 1, Integer::sum);
            }
        }
        return List.of(
                new Swatch(FULL, FULL_PAIR, tiles(count, Tile.FULL) + " full"),
                new Swatch(PARTIAL, PARTIAL_PAIR, tiles(count, Tile.PARTIAL) + " partial"),
                Swatch.plain(NOTHING, tiles(count, Tile.EMPTY) + " empty tiles of %d × %d".formatted(tile, tile)));
    }

    private static String tiles(Map<Tile, Integer> count, Tile kind) {
        return String.format(Locale.ROOT, "%,d", count.getOrDefault(kind, 0));
    }

    private Tile at(int query, int key) {
        return pattern.tile(head, query, end(query), key, end(key));
    }

    private int end(int start) {
        return Math.min(start + tile, length());
    }

    @Override
    void paint(Graphics2D graphics, int cell) {
        for (int query = 0; query < length(); query += tile) {
            for (int key = 0; key < length(); key += tile) {
                paintTile(graphics, query, key, cell);
            }
        }
        graphics.setColor(GRID);
        int width = cell < 4 ? 1 : 2;
        for (int at = tile; at < length(); at += tile) {
            graphics.fillRect(at * cell - width, 0, width, length() * cell);
            graphics.fillRect(0, at * cell - width, length() * cell, width);
        }
    }

    private void paintTile(Graphics2D graphics, int query, int key, int cell) {
        Tile kind = at(query, key);
        graphics.setColor(
                switch (kind) {
                    case FULL -> FULL;
                    case PARTIAL -> PARTIAL;
                    case EMPTY -> NOTHING;
                });
        graphics.fillRect(key * cell, query * cell, (end(key) - key) * cell, (end(query) - query) * cell);
        graphics.setColor(kind == Tile.FULL ? FULL_PAIR : PARTIAL_PAIR);
        for (int i = query; i < end(query); i++) {
            for (int j = key; j < end(key); j++) {
                if (pairs.reaches(i, j)) {
                    fill(graphics, i, j, cell);
                }
            }
        }
    }
}
