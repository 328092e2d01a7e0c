package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

class BenchTest {
    private static final String[] SHORT = {"-f", "0", "-wi", "0", "-i", "1", "-r", "20ms"};

    static {
        // JMH keeps a lock for the whole machine; these runs measure nothing that another could disturb.
        System.setProperty("jmh.ignoreLock", "true");
    }

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir Path folder;

    private int bench(String... arguments) {
        String[] all = Stream.concat(Stream.of(arguments), Stream.of(SHORT)).toArray(String[]::new);
        return Bench.run(all, print(out), print(err));
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private String errors() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void wrongKernelGetsNoFigure() throws Exception {
        Path json = folder.resolve("figures.json");
        assertThat(bench("WrongKernelBenchmark", "--json", json.toString())).isEqualTo(1);
        assertThat(errors()).contains("failed: WrongKernelBenchmark (heddle): sum: element 0 is 5.0, expected 4.0");
        assertThat(new ObjectMapper().readTree(json.toFile())).isEmpty();
    }

    @Test
    void peerWithTheSameParametersIsComparedAndAboveOneMeansFaster() throws Exception {
        Path json = folder.resolve("figures.json");
        Path markdown = folder.resolve("figures.md");
        assertThat(bench("PairBenchmark", "--json", json.toString(), "--markdown", markdown.toString())).isZero();
        JsonNode rows = new ObjectMapper().readTree(json.toFile());
        assertThat(rows).hasSize(4);
        int compared = 0;
        for (JsonNode row : rows) {
            if (row.get("peer").isNull()) {
                assertThat(row.get("benchmark").asText()).isEqualTo("PairBenchmark.alone");
                assertThat(row.get("ratio").isNull()).isTrue();
            } else {
                compared++;
                assertThat(row.get("benchmark").asText()).isEqualTo("PairBenchmark.work");
                assertThat(row.get("peer").asText()).isEqualTo("slowpoke");
                double ratio = row.get("peer_score").asDouble() / row.get("score").asDouble();
                assertThat(row.get("ratio").asDouble()).isEqualTo(ratio).isGreaterThan(1);
                assertThat(row.get("unit").asText()).isEqualTo("us/op");
                assertThat(row.get("params").get("tokens").asText()).isIn("10000", "30000");
            }
        }
        assertThat(compared).isEqualTo(2);
        assertThat(Files.readString(markdown)).contains("| PairBenchmark.work | tokens=10000 |");
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("slowpoke");
    }

    private List<String> started() {
        return errors().lines().filter(line -> line.startsWith("[")).map(line -> line.replaceAll("} .*", "}")).toList();
    }

    @Test
    void peerRunsDirectlyBehindHeddleInEveryRound() throws Exception {
        Path json = folder.resolve("figures.json");
        assertThat(bench("PairBenchmark.*Work", "--rounds", "2", "--json", json.toString())).isZero();
        assertThat(started())
                .containsExactly(
                        "[1/8] PairBenchmark.work (heddle) {tokens=10000}",
                        "[2/8] PairBenchmark.work (slowpoke) {tokens=10000}",
                        "[3/8] PairBenchmark.work (heddle) {tokens=30000}",
                        "[4/8] PairBenchmark.work (slowpoke) {tokens=30000}",
                        "[5/8] PairBenchmark.work (heddle) {tokens=10000}",
                        "[6/8] PairBenchmark.work (slowpoke) {tokens=10000}",
                        "[7/8] PairBenchmark.work (heddle) {tokens=30000}",
                        "[8/8] PairBenchmark.work (slowpoke) {tokens=30000}");
        JsonNode rows = new ObjectMapper().readTree(json.toFile());
        assertThat(rows).hasSize(2).allSatisfy(row -> assertThat(row.get("ratios")).hasSize(2));
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("spread", "medians of 2 rounds");
    }

    @Test
    void parameterOfTheCommandLineIsTaken() {
        assertThat(bench("PairBenchmark.*Alone", "-p", "tokens=7,9")).isZero();
        assertThat(started())
                .containsExactly(
                        "[1/2] PairBenchmark.alone (heddle) {tokens=7}",
                        "[2/2] PairBenchmark.alone (heddle) {tokens=9}");
    }

    @Test
    void wrongKernelIsNotTriedAgain() {
        assertThat(bench("WrongKernelBenchmark", "--rounds", "3")).isEqualTo(1);
        assertThat(started()).containsExactly("[1/3] WrongKernelBenchmark (heddle) failed");
    }

    @Test
    void jmhsOwnFileHoldsAllRounds() throws Exception {
        Path file = folder.resolve("jmh.json");
        assertThat(bench("PairBenchmark.*Work", "--rounds", "2", "-rf", "json", "-rff", file.toString())).isZero();
        assertThat(new ObjectMapper().readTree(file.toFile())).hasSize(8);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-h", "--help"})
    void helpIsOursAndThenJmhs(String option) {
        PrintStream real = System.out;
        System.setOut(print(out));
        try {
            assertThat(Bench.run(new String[] {option}, System.out, print(err))).isZero();
        } finally {
            System.setOut(real);
        }
        assertThat(out.toString(StandardCharsets.UTF_8))
                .containsSubsequence("REGEX", "--json FILE", "--markdown FILE", "--full", "--rounds R", "-wi <int>");
        assertThat(errors()).isEmpty();
    }

    @Test
    void surveyTakesOneSizeOfWhatHasPeersAndNothingOfTheCatalogue() {
        assertThat(bench("-lp")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("AttentionBenchmark.heddleForward\n  length = 1024\n  pattern = full, causal\n")
                .doesNotContain("Catalog");
    }

    @Test
    void listNamesBenchmarksAndIfAskedTheirParameters() {
        assertThat(bench("PairBenchmark.*Work|CatalogForward", "-l")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8).lines())
                .containsExactlyInAnyOrder(
                        "dev.heddle.benchmarks.CatalogForwardBenchmark.heddle",
                        "dev.heddle.benchmarks.PairBenchmark.heddleWork",
                        "dev.heddle.benchmarks.PairBenchmark.slowpokeWork");
        out.reset();
        assertThat(bench("PairBenchmark.*heddleWork|CatalogForward", "-lp")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("heddleWork\n  tokens = 10000, 30000\n")
                .containsPattern("  variant = .*\\bmha, .*\\brope\\b|  variant = .*\\brope, .*\\bmha\\b");
    }

    @Test
    void unknownOptionIsWrongUsage() {
        assertThat(bench("--bogus")).isEqualTo(2);
        assertThat(errors()).isEqualTo("bench: bogus is not a recognized option; -h lists all options\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "two", "10000"})
    void roundsThatAreNoCountAreWrongUsage(String rounds) {
        assertThat(bench("PairBenchmark", "--rounds", rounds)).isEqualTo(2);
        assertThat(errors()).isEqualTo("bench: --rounds: '" + rounds + "' is no number from 1 to 9999\n");
    }

    @Test
    void optionWithoutItsValueIsWrongUsage() {
        assertThat(Bench.run(new String[] {"--rounds"}, print(out), print(err))).isEqualTo(2);
        assertThat(errors()).isEqualTo("bench: --rounds: no number given; name one behind it\n");
    }

    @Test
    void modesThatCannotBeComparedAreWrongUsage() {
        assertThat(bench("PairBenchmark", "-bm", "avgt,thrpt")).isEqualTo(2);
        assertThat(errors()).contains("-bm: ", "give one mode");
    }

    @Test
    void nothingThatMatchesIsWrongUsage() {
        assertThat(bench("NoSuchBenchmark")).isEqualTo(2);
        assertThat(errors()).isEqualTo("bench: no benchmark matches NoSuchBenchmark; -l lists all of them\n");
    }

    @Test
    void brokenExpressionIsWrongUsage() {
        assertThat(bench("((")).isEqualTo(2);
        assertThat(errors()).isEqualTo("bench: '((' is no regular expression: Unclosed group\n");
    }

    @Test
    void fileInNoFolderIsWrongUsage() {
        assertThat(bench("PairBenchmark", "--json", folder.resolve("none/figures.json").toString())).isEqualTo(2);
        assertThat(errors()).contains("--json").contains("cannot be a file");
    }
}
