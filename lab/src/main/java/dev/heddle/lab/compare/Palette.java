package dev.heddle.lab.compare;

import java.awt.Color;
import java.util.List;

/// Colours that people with any colour vision tell apart on white, and lighter ones of the same hues for a dark ground
/// (after Okabe and Ito, 2008).
final class Palette {
    private static final List<String> LIGHT =
            List.of("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a07800", "#3fa0d8", "#6f4fa0", "#8c2d19", "#5c6670");
    private static final List<String> DARK =
            List.of("#4aa8e8", "#ff8a3c", "#2fcf9f", "#f0a0cb", "#e6c229", "#8fd0f5", "#b79bec", "#e0745c", "#aab4be");

    private Palette() {}

    /// How many colours there are; lines beyond begin again, dashed.
    static int size() {
        return LIGHT.size();
    }

    static Color onWhite(int index) {
        return Color.decode(LIGHT.get(index % size()));
    }

    /// Style rules for the first `count` series of a page.
    static String css(int count, boolean dark) {
        var css = new StringBuilder();
        List<String> colours = dark ? DARK : LIGHT;
        for (int i = 0; i < count; i++) {
            css.append(".c%d{--series:%s}".formatted(i, colours.get(i % size())));
            if (i >= size()) {
                css.append(".c%d polyline,.c%d line{stroke-dasharray:5 4}".formatted(i, i));
            }
        }
        return css.toString();
    }
}
