package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;

import java.util.Locale;

/// Which columns of a head rotate together. Weights of one style do not fit the other: see [RotaryLayout].
public enum RopeStyle {
    /// Columns 2i and 2i+1: RoFormer, GPT-J, Meta's Llama, Mistral, DeepSeek.
    INTERLEAVED,
    /// Columns i and i + r/2: GPT-NeoX, Hugging Face's Llama.
    HALF_SPLIT;

    /// The name used in configurations: lower case.
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The style of a configuration's name: its [#id], or `half` for short.
    ///
    /// @param key of the configuration
    /// @throws ConfigException if there is none of that name
    public static RopeStyle of(String key, String id) {
        for (RopeStyle style : values()) {
            if (style.id().equals(id)) {
                return style;
            }
        }
        if (id.equals("half")) {
            return HALF_SPLIT;
        }
        throw new ConfigException(key + ": '" + id + "' is not known; use interleaved or half_split");
    }
}
