package dev.heddle.lab.picture;

import dev.heddle.attention.pattern.Reach;

import java.awt.Color;
import java.awt.Graphics2D;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/// In which layer of a stack a query first sees a key, if every layer has the same pattern.
final class ReachPanel extends Panel {
    // Viridis (van der Walt and Smith, 2015): rising in lightness for any colour vision.
    private static final int[] RAMP = {0x440154, 0x3B528B, 0x21918C, 0x5EC962, 0xFDE725};
    private static final int LISTED = 4;

    private final int layers;
    private final int[][] first;
    private final boolean causal;
    private final List<Long> seen = new ArrayList<>();

    /// @param once what a layer lets see
    ReachPanel(String title, Reach once, int layers) {
        super(title, once.tokens());
        this.layers = layers;
        this.causal = isCausal(once);
        this.first = new int[once.tokens()][once.tokens()];
        Reach reach = once;
        long total = 0;
        for (int layer = 1; layer <= layers; layer++) {
            total += mark(reach, layer);
            seen.add(total);
            reach = once.after(reach);
        }
    }

    private long mark(Reach reach, int layer) {
        long fresh = 0;
        for (int query = 0; query < length(); query++) {
            for (int key = 0; key < length(); key++) {
                if (first[query][key] == 0 && reach.reaches(query, key)) {
                    first[query][key] = layer;
                    fresh++;
                }
            }
        }
        return fresh;
    }

    @Override
    String figures() {
        List<Long> listed = layers <= LISTED ? seen : List.of(seen.getFirst(), seen.getLast());
        String shares =
                listed.stream()
                        .map(count -> percent(count, most(causal)))
                        .collect(Collectors.joining(layers <= LISTED ? ", " : " … "));
        return "layer by layer " + shares + (causal ? " of causal" : " of all");
    }

    @Override
    List<Swatch> legend() {
        List<Swatch> swatches = new ArrayList<>();
        for (int layer = 1; layer <= layers; layer++) {
            swatches.add(Swatch.plain(colour(layer), layer == 1 ? "layer 1" : String.valueOf(layer)));
        }
        swatches.add(Swatch.plain(NOTHING, "not within " + layers));
        return swatches;
    }

    private Color colour(int layer) {
        double at = layers == 1 ? 0 : (RAMP.length - 1.0) * (layer - 1) / (layers - 1);
        int low = Math.min((int) at, RAMP.length - 2);
        int red = between(low, 16, at - low);
        int green = between(low, 8, at - low);
        int blue = between(low, 0, at - low);
        return new Color(red, green, blue);
    }

    private static int between(int low, int shift, double share) {
        int from = RAMP[low] >> shift & 0xFF;
        int to = RAMP[low + 1] >> shift & 0xFF;
        return (int) Math.round(from + share * (to - from));
    }

    @Override
    void paint(Graphics2D graphics, int cell) {
        graphics.setColor(NOTHING);
        graphics.fillRect(0, 0, length() * cell, length() * cell);
        for (int query = 0; query < length(); query++) {
            for (int key = 0; key < length(); key++) {
                if (first[query][key] > 0) {
                    graphics.setColor(colour(first[query][key]));
                    fill(graphics, query, key, cell);
                }
            }
        }
    }
}
