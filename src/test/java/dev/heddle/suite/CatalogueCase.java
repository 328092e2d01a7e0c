package dev.heddle.suite;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;
import dev.heddle.testkit.RandomCases;

import org.junit.jupiter.api.DynamicTest;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// One example configuration of one catalogue entry.
record CatalogueCase(Variant variant, int index, Config config) {
    static final Catalog CATALOG = Catalog.load();

    static Stream<CatalogueCase> all() {
        return CATALOG.variants().stream().flatMap(CatalogueCase::of);
    }

    private static Stream<CatalogueCase> of(Variant variant) {
        List<Config> examples = variant.examples();
        return IntStream.range(0, examples.size()).mapToObj(i -> new CatalogueCase(variant, i, examples.get(i)));
    }

    /// A test of each.
    static Stream<DynamicTest> tests(Consumer<CatalogueCase> law) {
        return all().map(one -> DynamicTest.dynamicTest(one.toString(), () -> law.accept(one)));
    }

    /// A fresh subject; every call gives the same weights.
    Subject build() {
        return variant.build(config, seed().split("weights"));
    }

    /// The random sizes of one law: others for every case.
    RandomCases random(String law) {
        return RandomCases.of(law + " of " + this);
    }

    Seed seed() {
        return RandomCases.base().split(variant.id()).split(index);
    }

    @Override
    public String toString() {
        return variant.id() + " " + config;
    }
}
