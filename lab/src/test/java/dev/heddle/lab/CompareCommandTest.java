package dev.heddle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.lab.compare.Suite;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

class CompareCommandTest {
    @TempDir Path directory;

    private Run compare(String variants, String... more) {
        Map<String, String> usual =
                Map.of(
                        "--variants",
                        variants,
                        "--width",
                        "16",
                        "--depth",
                        "1",
                        "--heads",
                        "2",
                        "--context",
                        "16",
                        "--batch",
                        "2",
                        "--steps",
                        "6",
                        "--corpus",
                        Fixtures.corpus(directory).toString(),
                        "--out",
                        directory.resolve("out").toString());
        return Run.heddle(Fixtures.options("compare", usual, more));
    }

    @Test
    void aVariantThatDoesNotGoTokenByTokenHasNoDecodeSpeedAndNoCache() throws IOException {
        Run run = compare("mha,reformer");
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        assertThat(run.out().lines().filter(line -> line.startsWith("reformer")).findFirst().orElseThrow())
                .containsPattern("–\\s+–");
        JsonNode results = new ObjectMapper().readTree(directory.resolve("out/results.json").toFile()).get("results");
        JsonNode reformer = results.get(1);
        assertThat(reformer.get("decodeTokensPerSecond").isNull()).isTrue();
        assertThat(reformer.get("cacheBytesPerToken").isNull()).isTrue();
        assertThat(reformer.get("prefillTokensPerSecond").asDouble()).isPositive();
        assertThat(reformer.get("lengths").get(0).get("cacheBytes").isNull()).isTrue();
    }

    @Test
    void variantsStandSideBySide() throws IOException {
        Run run = compare("mha,mqa,learned,alibi,gqa+nope");
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        assertThat(run.out().lines().map(line -> line.split(" ")[0]))
                .contains("mha", "mqa", "learned", "alibi", "gqa+nope");

        JsonNode results = new ObjectMapper().readTree(directory.resolve("out/results.json").toFile()).get("results");
        assertThat(results).hasSize(5);
        JsonNode mha = results.get(0);
        JsonNode mqa = results.get(1);
        assertThat(mqa.get("parameters").asLong()).isLessThan(mha.get("parameters").asLong());
        assertThat(mha.get("cacheBytesPerToken").asDouble()).isEqualTo(2 * 16 * 4);
        assertThat(mqa.get("cacheBytesPerToken").asDouble()).isEqualTo(2 * 8 * 4);
        assertThat(mha.get("lengths").size()).isGreaterThan(3);
        assertThat(results.get(2).get("lengths").size()).as("a learned table ends at its context").isEqualTo(1);
        assertThat(mha.get("trainingLosses")).hasSize(6);
        assertThat(directory.resolve("out")).isDirectoryContaining("glob:**/loss.png");
        assertThat(directory.resolve("out/report.html")).content().contains("gqa+nope");
    }

    @Test
    void twoNamesOfOneStackAreMeasuredOnce() throws IOException {
        Run run = compare("mha,rope", "--json");
        JsonNode results = new ObjectMapper().readTree(run.out()).get("results");
        assertThat(results.get(1).get("variant").asText()).isEqualTo("rope");
        assertThat(results.get(1).get("trainingTokensPerSecond"))
                .isEqualTo(results.get(0).get("trainingTokensPerSecond"));
    }

    @Test
    void pairsAreCountedAHead() throws IOException {
        Run run = compare("mha,local,local+nope", "--json");
        JsonNode results = new ObjectMapper().readTree(run.out()).get("results");
        JsonNode all = results.get(0).get("pairs");
        assertThat(all.get("perHead").asDouble()).isEqualTo(16 * 17 / 2);
        assertThat(all.get("shareOfCausal").asDouble()).isEqualTo(1);
        // A window of a quarter of the context: 16 + 15 + 14 + 13 + 12.
        assertThat(results.get(1).get("pairs").get("perHead").asDouble()).isEqualTo(70);
        assertThat(results.get(1).get("stack").asText()).isEqualTo("local · rope · glu");
        assertThat(results.get(2).get("stack").asText()).isEqualTo("local · nope · glu");
    }

    @Test
    void aSuiteBringsContendersAndWhatIsAskedForReplacesItsSizes() throws IOException {
        String[] small = {"--width", "16", "--depth", "1", "--heads", "2", "--context", "16", "--steps", "2"};
        List<String> arguments = new ArrayList<>(List.of("compare", "--suite", "patterns", "--json"));
        arguments.addAll(List.of(small));
        arguments.addAll(List.of("--corpus", Fixtures.corpus(directory).toString()));
        arguments.addAll(List.of("--out", directory.resolve("out").toString()));
        Run run = Run.heddle(arguments.toArray(String[]::new));
        assertThat(run.err()).isEmpty();
        JsonNode report = new ObjectMapper().readTree(run.out());
        JsonNode settings = report.get("provenance").get("settings");
        assertThat(settings.get("context").asInt()).isEqualTo(16);
        assertThat(settings.get("batch").asInt()).isEqualTo(Suite.PATTERNS.batch());
        assertThat(report.get("results").findValuesAsText("variant"))
                .startsWith("mha")
                .contains("local", "longformer", "longnet-dilated", "t-dmca", "reformer", "block-sparse");
        for (JsonNode result : report.get("results")) {
            String variant = result.get("variant").asText();
            assertThat(result.get("pairs").isNull()).as(variant).isEqualTo(variant.equals("reformer"));
            assertThat(result.get("validationLoss").asDouble()).as(variant).isFinite().isLessThan(20);
        }
        assertThat(report.get("results").findValuesAsText("variant")).doesNotContain("gqa", "rope", "flash");
    }

    @Test
    void theStackSaysWhichPositionItGave() throws IOException {
        JsonNode results = new ObjectMapper().readTree(compare("mla,dcmha,longformer", "--json").out()).get("results");
        assertThat(results.findValuesAsText("stack"))
                .containsExactly("mla · own position · glu", "dcmha · own position · glu", "longformer · rope · glu");
    }

    // Segments of 4, 8 and 16: the state is empty whenever the longest ends, but room for it there must be.
    @Test
    void aStateThatForgetsIsMeasuredWhereItIsLargest() throws IOException {
        JsonNode results = new ObjectMapper().readTree(compare("longnet-dilated", "--json").out()).get("results");
        assertThat(results.get(0).get("cacheBytesPerToken").asDouble()).isEqualTo(15 * 2 * 16 * 4 / 16.0);
    }

    @Test
    void aSuiteAndVariantsExcludeEachOther() {
        Run run = compare("mha", "--suite", "patterns");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("--suite and --variants").hasLineCount(1);
        assertThat(Run.heddle("compare", "--suite", "paterns").err()).containsIgnoringCase("patterns").hasLineCount(1);
    }

    @Test
    void whatWasMeasuredIsNotLostWhereAPictureCannotBeWritten() throws IOException {
        Path out = directory.resolve("out");
        Files.createDirectories(out.resolve("loss.png/in the way"));
        Run run = compare("mha");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("loss.png").hasLineCount(1);
        assertThat(run.out()).contains("mha");
        assertThat(out.resolve("results.json")).isNotEmptyFile();
        assertThat(out.resolve("report.html")).isNotEmptyFile();
    }

    @Test
    void aFolderThatCannotBeMadeIsRefusedBeforeAnythingIsTrained() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        Run run = compare("mha", "--out", file.toString(), "--steps", "1000000");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("cannot be made").hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource({
        "mha;mqqa,'',nearest",
        "t-dmca+rope,'',takes no position",
        "gpt-decoder,'',decoder stack",
        "mha,--heads 3,heads",
        "mha,--context 5000,context",
        "mha,--width 0,'width: found 0; use 1 or more'",
        "mha,--depth 0,'depth: found 0; use 1 or more'",
        "mha,--depth 2000000000,memory",
        "mqa+gqa,'',both the mixer",
        "mha+,'',is not known",
        "mha,--width 10,even head width",
        "mha,--batch 0,batch",
        "mha,--corpus nowhere,nowhere"
    })
    void whatCannotBeComparedIsRefusedBeforeAnythingIsTrained(String variants, String more, String message) {
        Run run = compare(variants.replace(';', ','), more.isEmpty() ? new String[0] : more.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(message).hasLineCount(1);
        assertThat(directory.resolve("out")).doesNotExist();
    }
}
