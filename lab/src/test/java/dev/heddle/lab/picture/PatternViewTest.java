package dev.heddle.lab.picture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Variant;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

import java.util.Map;
import java.util.stream.Stream;

class PatternViewTest {
    private static final Catalog CATALOG = Catalog.load();

    @TestFactory
    Stream<DynamicTest> aVariantThatShowsLessThanEverythingIsMarkedSparse() {
        return PatternView.ids(CATALOG).stream().map(id -> DynamicTest.dynamicTest(id, () -> check(id)));
    }

    private static void check(String id) {
        Variant variant = CATALOG.variant(id);
        AttentionPattern pattern = PatternView.of(variant, Map.of(), 64).pattern();
        boolean everything = pattern.equals(Patterns.full()) || pattern.equals(Patterns.causal());
        assertThat(variant.isSparse()).isEqualTo(!everything);
    }

    @Test
    void everyPatternThatDoesNotDependOnTheTextCanBeShown() {
        assertThat(PatternView.ids(CATALOG))
                .contains(
                        "local",
                        "atrous",
                        "sparse-su",
                        "longnet-dilated",
                        "longformer",
                        "bigbird",
                        "block-sparse",
                        "sparse-transformer")
                .doesNotContain("reformer", "clustered", "rope");
    }
}
