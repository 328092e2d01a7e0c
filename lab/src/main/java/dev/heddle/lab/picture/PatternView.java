package dev.heddle.lab.picture;

import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Seed;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The pattern of a variant over sequences of one length.
///
/// @param variant the line of the catalogue
/// @param config what it was built from
/// @param pattern which key a query may see
/// @param heads query heads
/// @param length tokens
public record PatternView(Variant variant, Config config, AttentionPattern pattern, int heads, int length) {
    /// Builds the variant from its first example that fits the length and the settings.
    ///
    /// @param settings to replace the example's
    /// @throws ConfigException if the variant has no pattern of its own, or the settings fit no example
    /// @throws InputException if no example takes sequences of that length
    public static PatternView of(Variant variant, Map<String, ? extends @Nullable Object> settings, int length) {
        if (subject(variant).isEmpty()) {
            throw new ConfigException(
                    "show: '"
                            + variant.id()
                            + "' has no pattern that is the same for all texts; "
                            + String.join(", ", ids(Catalog.load()))
                            + " have one");
        }
        HeddleException first = null;
        for (Config config : configs(variant)) {
            try {
                Config complete = config;
                for (var setting : settings.entrySet()) {
                    complete = complete.with(setting.getKey(), setting.getValue());
                }
                return of(variant, complete, length);
            } catch (HeddleException e) {
                first = first == null ? e : first;
            }
        }
        throw first == null ? new ConfigException("show: '" + variant.id() + "' has no configuration to show") : first;
    }

    // An example says more than defaults do, but a line without examples has only those.
    private static List<Config> configs(Variant variant) {
        List<Config> configs = new ArrayList<>(variant.examples());
        if (configs.isEmpty()) {
            configs.add(Config.empty());
        }
        return configs;
    }

    private static PatternView of(Variant variant, Config config, int length) {
        Subject built = variant.build(config, Seed.of(0));
        if (length > built.longest()) {
            throw new InputException(
                    "n: " + length + " tokens, " + variant.id() + " takes at most " + built.longest() + " here");
        }
        if (built instanceof PatternSubject subject) {
            return new PatternView(variant, config, subject.pattern(length), subject.heads(), length);
        }
        throw new ConfigException(
                "show: '" + variant.id() + "' has no pattern with " + config + "; use other settings");
    }

    /// The variants that can be shown, by their ids.
    public static List<String> ids(Catalog catalog) {
        return catalog.variants().stream().filter(variant -> subject(variant).isPresent()).map(Variant::id).toList();
    }

    private static Optional<PatternSubject> subject(Variant variant) {
        return configs(variant).stream()
                .limit(1)
                .map(config -> variant.build(config, Seed.of(0)))
                .filter(PatternSubject.class::isInstance)
                .map(PatternSubject.class::cast)
                .findFirst();
    }
}
