package dev.heddle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.catalog.Catalog;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

class MainTest {
    @TempDir Path directory;

    @Test
    void helpGoesToStandardOutput() {
        Run run = Run.heddle("--help");
        assertThat(run.code()).isZero();
        assertThat(run.out()).startsWith("Usage: heddle").contains("variants", "conform", "env", "bench");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void versionIsTheOneOfTheBuild() {
        Run run = Run.heddle("--version");
        assertThat(run.code()).isZero();
        assertThat(run.out()).matches("heddle \\d+\\.\\d+\\.\\d+(-SNAPSHOT)?\\R");
    }

    @Test
    void everyCommandHasHelp() {
        Main.commandLine()
                .getSubcommands()
                .keySet()
                .forEach(
                        name -> {
                            Run run = Run.heddle(name, "--help");
                            assertThat(run.code()).as(name).isZero();
                            assertThat(run.out()).startsWith("Usage: heddle " + name);
                        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"--no-such-option", "variants --jsom", "env extra", "conform", "conform --precision f16 ."})
    void wrongUsageIsOneLineOnStandardErrorAndTwo(String arguments) {
        Run run = Run.heddle(arguments.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("heddle: ").contains("--help").hasLineCount(1).doesNotContain("\tat ");
    }

    @Test
    void anUnknownOptionIsAnsweredWithTheNearest() {
        assertThat(Run.heddle("variants", "--jsom").err()).contains("did you mean --json");
        assertThat(Run.heddle("variant").err()).contains("did you mean variants");
    }

    @Test
    void debugShowsTheTrace() {
        assertThat(Run.heddle("--debug", "conform", directory.resolve("none").toString()).err()).contains("\tat ");
    }

    @Test
    void noCommandIsWrongUsage() {
        assertThat(Run.heddle().code()).isEqualTo(2);
    }

    @Test
    void variantsAreAJsonArrayOfAllThereAre() throws JsonProcessingException {
        JsonNode array = new ObjectMapper().readTree(Run.heddle("variants", "--json").out());
        assertThat(array.isArray()).isTrue();
        assertThat(array).hasSameSizeAs(Catalog.load().variants());
        for (JsonNode variant : array) {
            assertThat(variant.get("id").asText()).isNotEmpty();
            assertThat(variant.get("family").asText()).isNotEmpty();
            assertThat(variant.get("forms").get(0).asText()).isEqualTo("parallel");
        }
    }

    @Test
    void variantsAreALineEach() {
        assertThat(Run.heddle("variants").out()).hasLineCount(Catalog.load().variants().size()).contains("rope  ");
    }

    @Test
    void envNamesWhatRuns() {
        assertThat(Run.heddle("env").out()).contains("heddle ", "java ", "kernels ", "blas ", "threads ");
    }

    @Test
    void conformRefusesAPathThatIsNotThere() {
        Run run = Run.heddle("conform", directory.resolve("none").toString());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("does not exist");
    }

    @Test
    void conformFailsForAFileThatIsNoGoldenFile() throws IOException {
        Path file = Files.writeString(directory.resolve("broken.safetensors"), "nothing");
        Run run = Run.heddle("conform", file.toString());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.out()).startsWith("FAIL ").hasLineCount(1);
        assertThat(run.err()).containsOnlyOnce("broken.safetensors");
    }

    @Test
    void benchWithoutBenchmarksSaysHowToGetThem() {
        Run run = Run.heddle("bench");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("./heddle bench");
    }
}
