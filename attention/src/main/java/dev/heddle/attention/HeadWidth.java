package dev.heddle.attention;

import dev.heddle.core.error.ConfigException;

/// The width of a head where the heads share out the model's width.
public final class HeadWidth {
    private HeadWidth() {}

    /// D/H.
    ///
    /// @param width of the model, D
    /// @param heads H, 1 or more
    /// @throws ConfigException if the width is less than 1 or the heads do not divide it
    public static int of(int width, int heads) {
        if (width < 1 || width % heads != 0) {
            int below = width / heads * heads;
            throw new ConfigException(
                    "heads: width "
                            + width
                            + " is not divisible by "
                            + heads
                            + " heads; use "
                            + (below > 0 ? below + " or " : "")
                            + (Math.max(0, below) + heads));
        }
        return width / heads;
    }
}
