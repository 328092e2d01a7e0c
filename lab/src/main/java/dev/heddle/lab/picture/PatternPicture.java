package dev.heddle.lab.picture;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.List;

/// Paints [PatternPanels] side by side, on white.
public final class PatternPicture {
    private static final Color INK = new Color(0x1C2126);
    private static final Color SOFT = new Color(0x5D6670);
    private static final Font TITLE = new Font(Font.SANS_SERIF, Font.BOLD, 56);
    private static final Font HEADING = new Font(Font.SANS_SERIF, Font.BOLD, 30);
    private static final Font TEXT = new Font(Font.SANS_SERIF, Font.PLAIN, 26);
    private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 22);

    // All in pixels.
    private static final int MARGIN = 64;
    private static final int HEADER = 356;
    private static final int RULER = 56;
    private static final int GAP = 64;
    private static final int LINE = 42;
    private static final int SWATCH = 26;
    private static final int SIDE_OF_TWO = 880;
    private static final int SIDE_OF_MORE = 600;

    private final String title;
    private final String summary;
    private final PatternPanels panels;
    private final int length;
    private final int cell;
    private final int side;

    public PatternPicture(PatternView view, PatternPanels panels) {
        this.title = view.variant().id();
        this.summary = view.variant().summary();
        this.panels = panels;
        this.length = view.length();
        int wanted = panels.list().size() > 2 ? SIDE_OF_MORE : SIDE_OF_TWO;
        this.cell = Math.max(1, Math.round((float) wanted / length));
        this.side = cell * length;
    }

    /// @param footer small print
    public BufferedImage paint(String footer) {
        List<Panel> all = panels.list();
        int step = RULER + side + GAP;
        int width = 2 * MARGIN + all.size() * step - GAP;
        int lines = all.stream().mapToInt(panel -> legend(scratch(), panel, 0)).max().orElse(0);
        int height = HEADER + side + (lines + 1) * LINE + 2 * MARGIN;
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = prepared(image);
        write(graphics, TITLE, INK, title, MARGIN, MARGIN + 44);
        write(graphics, TEXT, INK, cut(graphics, summary, width - 2 * MARGIN), MARGIN, MARGIN + 100);
        write(graphics, TEXT, SOFT, cut(graphics, panels.facts(), width - 2 * MARGIN), MARGIN, MARGIN + 142);
        write(graphics, SMALL, SOFT, cut(graphics, footer, width - 2 * MARGIN), MARGIN, height - MARGIN / 2 - 4);
        graphics.translate(MARGIN + RULER, HEADER);
        for (Panel panel : all) {
            paint(graphics, panel);
            graphics.translate(step, 0);
        }
        graphics.dispose();
        return image;
    }

    private static Graphics2D scratch() {
        return prepared(new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB));
    }

    private static Graphics2D prepared(BufferedImage image) {
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        return graphics;
    }

    private void paint(Graphics2D graphics, Panel panel) {
        write(graphics, HEADING, INK, panel.title(), 0, -RULER - 22);
        rulers(graphics);
        panel.paint(graphics, cell);
        write(graphics, TEXT, INK, panel.figures(), 0, side + LINE);
        legend(graphics, panel, side + 2 * LINE);
    }

    private void rulers(Graphics2D graphics) {
        write(
                graphics,
                SMALL,
                SOFT,
                "key →",
                side - graphics.getFontMetrics(SMALL).stringWidth("key →"),
                -RULER / 2 - 2);
        Graphics2D upright = (Graphics2D) graphics.create();
        upright.rotate(-Math.PI / 2);
        write(upright, SMALL, SOFT, "← query", -side, -RULER / 2 - 2);
        upright.dispose();
        int step = Math.max(1, length / 4);
        for (int at = 0; at < length; at += step) {
            String label = String.valueOf(at);
            int width = graphics.getFontMetrics(SMALL).stringWidth(label);
            int middle = at * cell + Math.min(cell, 14) / 2;
            write(graphics, SMALL, SOFT, label, Math.max(0, middle - width / 2), -10);
            write(graphics, SMALL, SOFT, label, -width - 10, middle + 12);
        }
    }

    /// @return the lines that it takes
    private int legend(Graphics2D graphics, Panel panel, int top) {
        int lines = 1;
        int x = 0;
        for (Panel.Swatch swatch : panel.legend()) {
            int width = SWATCH + 12 + graphics.getFontMetrics(TEXT).stringWidth(swatch.text()) + 30;
            if (x > 0 && x + width > side + 30) {
                x = 0;
                lines++;
            }
            swatch(graphics, swatch, x, top + (lines - 1) * LINE);
            x += width;
        }
        return lines;
    }

    private static void swatch(Graphics2D graphics, Panel.Swatch swatch, int x, int baseline) {
        int y = baseline - SWATCH + 4;
        graphics.setColor(swatch.ground());
        graphics.fillRect(x, y, SWATCH, SWATCH);
        graphics.setColor(swatch.pair());
        graphics.fillRect(x, y, SWATCH / 2, SWATCH / 2);
        graphics.fillRect(x + SWATCH / 2, y + SWATCH / 2, SWATCH / 2, SWATCH / 2);
        write(graphics, TEXT, INK, swatch.text(), x + SWATCH + 12, baseline);
    }

    private static void write(Graphics2D graphics, Font font, Color colour, String text, int x, int baseline) {
        graphics.setFont(font);
        graphics.setColor(colour);
        graphics.drawString(text, x, baseline);
    }

    private static String cut(Graphics2D graphics, String text, int width) {
        String fitting = text;
        while (graphics.getFontMetrics(TEXT).stringWidth(fitting) > width) {
            fitting = fitting.substring(0, fitting.length() - 2) + "…";
        }
        return fitting;
    }
}
