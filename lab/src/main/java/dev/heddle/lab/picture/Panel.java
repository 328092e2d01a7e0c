package dev.heddle.lab.picture;

import dev.heddle.attention.pattern.Reach;

import java.awt.Color;
import java.awt.Graphics2D;
import java.util.List;
import java.util.Locale;

/// A square of cells in a [PatternPicture], a query a row and a key a column, with what explains it.
abstract class Panel {
    /// Where no query looks.
    static final Color NOTHING = new Color(0xF1F3F5);

    private final String title;
    private final int length;

    /// @param length queries, and keys
    Panel(String title, int length) {
        this.title = title;
        this.length = length;
    }

    /// A colour of the legend.
    ///
    /// @param ground the colour of a cell that is empty
    /// @param pair the colour of a cell that is not; null for none
    /// @param text what it means
    record Swatch(Color ground, Color pair, String text) {
        static Swatch plain(Color colour, String text) {
            return new Swatch(colour, colour, text);
        }
    }

    final String title() {
        return title;
    }

    final int length() {
        return length;
    }

    /// The panel in numbers, a line.
    abstract String figures();

    abstract List<Swatch> legend();

    /// Paints the cells, the first one at the origin.
    ///
    /// @param cell pixels of a side
    abstract void paint(Graphics2D graphics, int cell);

    /// Fills a cell, leaving a seam to the next where there is room for one.
    static void fill(Graphics2D graphics, int query, int key, int cell) {
        int seam = cell < 6 ? 0 : Math.max(1, cell / 12);
        graphics.fillRect(key * cell, query * cell, cell - seam, cell - seam);
    }

    /// True if no query sees a later key.
    static boolean isCausal(Reach pairs) {
        for (int query = 0; query < pairs.tokens(); query++) {
            for (int key = query + 1; key < pairs.tokens(); key++) {
                if (pairs.reaches(query, key)) {
                    return false;
                }
            }
        }
        return true;
    }

    /// The pairs that attention to all earlier keys, or to all keys, would have.
    final long most(boolean causal) {
        return causal ? length * (length + 1L) / 2 : (long) length * length;
    }

    static String percent(long part, long whole) {
        double share = 100.0 * part / whole;
        return String.format(Locale.ROOT, share < 9.95 ? "%.1f %%" : "%.0f %%", share);
    }
}
