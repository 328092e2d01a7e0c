package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
