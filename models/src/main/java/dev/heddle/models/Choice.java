package dev.heddle.models;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;

/// Settings that a golden file states although a layout has no other choice: they are checked, not ignored.
final class Choice {
    private Choice() {}

    /// @throws ConfigException if the setting is another than the only one that works
    static void only(String variant, Config config, String key, String value) {
        String found = config.text(key);
        if (!found.equals(value)) {
            throw new ConfigException(
                    variant + ": " + key + " '" + found + "' is not part of this layout; use '" + value + "'");
        }
    }
}
