package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

class ReportTest {
    private final Map<Name, Scores> scores = new LinkedHashMap<>();

    private void scored(String who, String unit, double... rounds) {
        Scores all = new Scores(unit);
        for (double round : rounds) {
            all.add(round);
        }
        scores.put(new Name("Some.work", who, Map.of("length", "7")), all);
    }

    private String line() {
        return Report.of(scores).table().lines().skip(1).findFirst().orElseThrow().replaceAll(" +", " ");
    }

    @Test
    void ratioIsTheMedianOfTheRoundsRatiosAndNotThatOfTheMedians() throws Exception {
        scored("heddle", "ms/op", 10, 20, 30);
        scored("torch", "ms/op", 20, 10, 45);
        assertThat(line()).isEqualTo("Some.work length=7 20.00 ms/op torch 20.00 1.50 0.50..2.00");
        JsonNode row = new ObjectMapper().readTree(Report.of(scores).json()).get(0);
        assertThat(row.get("score").asDouble()).isEqualTo(20);
        assertThat(row.get("ratio").asDouble()).isEqualTo(1.5);
        assertThat(row.get("scores")).hasToString("[10.0,20.0,30.0]");
        assertThat(row.get("peer_scores")).hasToString("[20.0,10.0,45.0]");
        assertThat(row.get("ratios")).hasToString("[2.0,0.5,1.5]");
    }

    @Test
    void moreOperationsInASecondAreFaster() {
        scored("heddle", "ops/s", 30, 40);
        scored("torch", "ops/s", 20, 20);
        assertThat(line()).isEqualTo("Some.work length=7 35.00 ops/s torch 20.00 1.75 1.50..2.00");
    }

    @Test
    void withoutPeerTheSpreadIsThatOfTheFigure() {
        scored("heddle", "us/op", 3, 1, 2, 5);
        assertThat(line()).isEqualTo("Some.work length=7 2.500 us/op - - - 1.000..5.000");
    }

    @Test
    void roundThatOnlyOneSideGotThroughIsNotCompared() {
        scored("heddle", "us/op", 4, 2, 8);
        scored("torch", "us/op", 4);
        assertThat(line()).isEqualTo("Some.work length=7 4.000 us/op torch 4.000 1.00 1.00..1.00");
    }

    @Test
    void oneRoundHasNoSpread() {
        scored("heddle", "us/op", 4);
        scored("torch", "us/op", 6);
        Report report = Report.of(scores);
        assertThat(line()).isEqualTo("Some.work length=7 4.000 us/op torch 6.000 1.50");
        assertThat(report.table()).doesNotContain("rounds");
        assertThat(report.markdown("")).doesNotContain("rounds");
    }

    @Test
    void markdownHasAsManyColumnsInEveryLine() {
        scored("heddle", "us/op", 4, 5);
        String markdown = Report.of(scores).markdown("Some --rounds 2");
        assertThat(markdown).contains("medians of 2 rounds");
        Stream<Long> bars =
                markdown.lines()
                        .filter(line -> line.startsWith("|"))
                        .map(line -> line.chars().filter(c -> c == '|').count());
        assertThat(bars).containsOnly(9L).hasSize(3);
    }
}
