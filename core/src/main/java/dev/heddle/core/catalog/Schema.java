package dev.heddle.core.catalog;

import dev.heddle.core.error.ConfigException;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The settings that a variant understands, each with its default and meaning.
public final class Schema {
    private final Map<String, Key> keys = new LinkedHashMap<>();

    private Schema(List<Key> keys) {
        keys.forEach(key -> this.keys.put(key.name, key));
    }

    /// One setting.
    ///
    /// @param name the key
    /// @param required true if there is no default
    /// @param otherwise the default, null for "absent"
    /// @param meaning one line for people
    public record Key(String name, boolean required, @Nullable Object otherwise, String meaning) {}

    public static Builder builder() {
        return new Builder();
    }

    public List<Key> keys() {
        return List.copyOf(keys.values());
    }

    /// The configuration with defaults filled in.
    ///
    /// @throws ConfigException if a key is not known or a required one is missing
    public Config complete(String variant, Config config) {
        for (String key : config.keys()) {
            if (!keys.containsKey(key)) {
                throw new ConfigException(
                        variant
                                + ": config key '"
                                + key
                                + "' is not known; "
                                + (keys.isEmpty()
                                        ? "there are none"
                                        : "the nearest is '" + Nearest.to(key, keys.keySet()) + "'"));
            }
        }
        Config complete = config;
        for (Key key : keys.values()) {
            boolean given = config.keys().contains(key.name);
            if (!given && key.required) {
                throw new ConfigException(variant + ": config key '" + key.name + "' is missing (" + key.meaning + ")");
            }
            if (!given) {
                complete = complete.with(key.name, key.otherwise);
            }
        }
        return complete;
    }

    Set<String> names() {
        return keys.keySet();
    }

    /// Collects keys in order.
    public static final class Builder {
        private final List<Key> keys = new ArrayList<>();

        private Builder() {}

        public Builder required(String name, String meaning) {
            keys.add(new Key(name, true, null, meaning));
            return this;
        }

        public Builder optional(String name, @Nullable Object otherwise, String meaning) {
            keys.add(new Key(name, false, otherwise, meaning));
            return this;
        }

        public Schema build() {
            return new Schema(keys);
        }
    }
}
