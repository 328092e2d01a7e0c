package dev.heddle.lab.picture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;

import org.junit.jupiter.api.Test;

import java.util.OptionalInt;

class PatternPanelsTest {
    private static PatternPanels panels(AttentionPattern pattern, int heads, OptionalInt head) {
        var view = new PatternView(Catalog.load().variant("local"), Config.empty(), pattern, heads, 8);
        return new PatternPanels(view, head, 2);
    }

    // Even heads see themselves, odd ones their predecessor.
    private static final AttentionPattern BY_HEAD = (head, query, key) -> query - key == head % 2;

    @Test
    void headsWithTheSamePairsAreShownOnceAndReachIsThatOfAll() {
        assertThat(panels(BY_HEAD, 4, OptionalInt.empty()).figures().lines())
                .containsExactly(
                        "Pairs of heads 0, 2: 8 pairs: 13 % of all, 22 % of causal",
                        "Pairs of heads 1, 3: 7 pairs: 11 % of all, 19 % of causal",
                        "Reach of all heads, 1 to 2 layers: layer by layer 42 %, 58 % of causal");
    }

    @Test
    void oneHeadReachesAsFarAsItDoesAlone() {
        assertThat(panels(BY_HEAD, 4, OptionalInt.of(3)).figures().lines())
                .containsExactly(
                        "Pairs of head 3: 7 pairs: 11 % of all, 19 % of causal",
                        "Reach, 1 to 2 layers: layer by layer 19 %, 36 % of causal");
    }

    @Test
    void moreKindsOfHeadsThanFitAreCounted() {
        PatternPanels panels = panels((head, query, key) -> query - key == head, 7, OptionalInt.empty());
        assertThat(panels.list()).hasSize(5);
        assertThat(panels.facts()).endsWith("3 more kinds of heads not shown");
    }

    @Test
    void patternsThatLookAheadAreMeasuredAgainstAllPairs() {
        assertThat(panels((_, _, _) -> true, 1, OptionalInt.empty()).figures())
                .contains("64 pairs: 100 % of all" + System.lineSeparator());
    }
}
