package dev.heddle.core.catalog;

import dev.heddle.core.tensor.Seed;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.random.RandomGenerator;

/// One line of the catalogue: everything that is needed to build, test, measure and describe a variant.
///
/// @param id the id of its specification and golden files
/// @param family what it is a choice of: `attention`, `pattern`, `position`, `feed-forward`, `norm`, `model` …
/// @param summary one line for people
/// @param source paper or implementation that is the ground truth
/// @param schema the settings it understands
/// @param forms the kinds of forms it computes in
/// @param factory builds it from a complete configuration
/// @param sampler draws a small random configuration, for tests
/// @param examples small configurations that between them reach every option, for tests and benchmarks
public record Variant(
        String id,
        String family,
        String summary,
        String source,
        Schema schema,
        Set<Form.Kind> forms,
        BiFunction<Config, Seed, Subject> factory,
        Function<RandomGenerator, Config> sampler,
        List<Config> examples) {

    /// Builds the variant.
    ///
    /// @throws dev.heddle.core.error.ConfigException if a key is unknown, missing or out of range
    public Subject build(Config config, Seed seed) {
        return factory.apply(schema.complete(id, config), seed);
    }
}
