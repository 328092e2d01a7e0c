package dev.heddle.attention;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.positional.Rope;
import dev.heddle.positional.RopeStyle;

import org.jspecify.annotations.Nullable;

/// The keys of a configuration that rotate queries and keys.
public final class RopeKeys {
    private RopeKeys() {}

    /// The schema with `rope_theta` and `rope_style`.
    public static Schema.Builder in(Schema.Builder schema) {
        return schema.optional("rope_theta", null, "base of a rotary embedding; none by default")
                .optional("rope_style", null, "half (the default) or interleaved: which columns rotate together");
    }

    /// The rotary embedding that a configuration asks for; null if it asks for none.
    ///
    /// @throws dev.heddle.core.error.ConfigException if the base is not above 1 or the style is unknown
    public static Rope.@Nullable Spec of(Config config) {
        if (!config.has("rope_theta")) {
            return null;
        }
        return Rope.base(config.number("rope_theta"))
                .style(RopeStyle.of("rope_style", config.text("rope_style", "half")));
    }
}
