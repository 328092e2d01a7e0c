package dev.heddle.core.catalog;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.heddle.core.error.ConfigException;

import org.jspecify.annotations.Nullable;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// An immutable set of named settings, as in the JSON of a golden file or checkpoint.
public final class Config {
    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private final Map<String, @Nullable Object> values;

    private Config(Map<String, @Nullable Object> values) {
        this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    public static Config of(Map<String, ? extends @Nullable Object> values) {
        return new Config(new LinkedHashMap<>(values));
    }

    public static Config empty() {
        return new Config(Map.of());
    }

    /// Reads a JSON object.
    ///
    /// @throws ConfigException if the text is not one
    @SuppressWarnings("unchecked")
    public static Config parse(String json) {
        try {
            Object value = JSON.readValue(json, Object.class);
            if (value instanceof Map<?, ?> map) {
                return new Config((Map<String, @Nullable Object>) map);
            }
            throw new ConfigException("config: '" + abbreviate(json) + "' is not a JSON object");
        } catch (JsonProcessingException e) {
            throw new ConfigException(
                    "config: '" + abbreviate(json) + "' is not valid JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static String abbreviate(String text) {
        return text.length() <= 60 ? text : text.substring(0, 60) + "…";
    }

    /// This configuration with one more or another setting.
    public Config with(String key, @Nullable Object value) {
        Map<String, @Nullable Object> copy = new LinkedHashMap<>(values);
        copy.put(key, value);
        return new Config(copy);
    }

    public Set<String> keys() {
        return values.keySet();
    }

    /// True if the key is there and not null.
    public boolean has(String key) {
        return values.get(key) != null;
    }

    public @Nullable Object get(String key) {
        return values.get(key);
    }

    public int integer(String key) {
        Object value = present(key);
        if (value instanceof Number number && number.doubleValue() == number.intValue()) {
            return number.intValue();
        }
        throw wrong(key, value, "a whole number");
    }

    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    public double number(String key) {
        Object value = present(key);
        if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
            return number.doubleValue();
        }
        throw wrong(key, value, "a finite number");
    }

    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    public boolean flag(String key) {
        Object value = present(key);
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw wrong(key, value, "true or false");
    }

    public boolean flag(String key, boolean otherwise) {
        return has(key) ? flag(key) : otherwise;
    }

    public String text(String key) {
        Object value = present(key);
        if (value instanceof String text) {
            return text;
        }
        throw wrong(key, value, "a text");
    }

    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    public List<Object> list(String key) {
        Object value = present(key);
        if (value instanceof List<?> list && list.stream().noneMatch(Objects::isNull)) {
            return List.copyOf(list);
        }
        throw wrong(key, value, "a list without null");
    }

    /// A nested object.
    @SuppressWarnings("unchecked")
    public Config object(String key) {
        Object value = present(key);
        if (value instanceof Map<?, ?> map) {
            return new Config((Map<String, @Nullable Object>) map);
        }
        throw wrong(key, value, "an object");
    }

    private Object present(String key) {
        Object value = values.get(key);
        if (value == null) {
            throw new ConfigException("config: '" + key + "' is missing; keys given: " + values.keySet());
        }
        return value;
    }

    private static ConfigException wrong(String key, Object value, String wanted) {
        return new ConfigException(
                "config: '" + key + "' is " + abbreviate(String.valueOf(value)) + "; it must be " + wanted);
    }

    /// The settings as a JSON object on one line.
    public String toJson() {
        try {
            return JSON.writeValueAsString(values);
        } catch (JsonProcessingException e) {
            throw new ConfigException("config: " + values + " cannot be written as JSON", e);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Config config && values.equals(config.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return toJson();
    }
}
