package dev.heddle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

class GenerateCommandTest {
    @TempDir Path directory;

    // Files of others lie beside the project, at a place that depends on where it was cloned; where they are not, these
    // tests have nothing to read.
    private static Path stories() {
        Path found =
                Stream.iterate(Path.of("").toAbsolutePath(), path -> path != null, Path::getParent)
                        .map(path -> path.resolve("shared/data/models/stories260K"))
                        .filter(Files::isDirectory)
                        .findFirst()
                        .orElse(Path.of("none"));
        assumeTrue(Files.isDirectory(found), "shared/data/models/stories260K is not there");
        return found;
    }

    private static Run generate(String... more) {
        Path stories = stories();
        return Run.heddle(
                Stream.concat(
                                Stream.of(
                                        "generate",
                                        "--checkpoint",
                                        stories.resolve("stories260K.bin").toString(),
                                        "--tokenizer",
                                        stories.resolve("tok512.bin").toString()),
                                Stream.of(more))
                        .toArray(String[]::new));
    }

    @Test
    void aRealModelTellsTheReferencesStory() throws IOException {
        JsonNode expected = new ObjectMapper().readTree(stories().resolve("reference/greedy.json").toFile()).get(0);
        Run run = generate("--prompt", expected.get("prompt").asText(), "--tokens", "120", "--temperature", "0");
        assertThat(run.code()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out().strip()).hasSizeGreaterThan(200);
        assertThat(expected.get("text").asText()).startsWith(run.out().stripTrailing());
    }

    @Test
    void theSameSeedTellsTheSameStory() {
        String[] options = {
            "--prompt", "Tom", "--tokens", "20", "--temperature", "1", "--top-k", "40", "--top-p", "0.9"
        };
        assertThat(generate(options).out()).isEqualTo(generate(options).out()).startsWith("Tom");
    }

    @Test
    void aModelOfLlama2cNeedsATokenizer() {
        Run run = Run.heddle("generate", "--checkpoint", stories().resolve("stories260K.bin").toString());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("--tokenizer");
    }

    @Test
    void aMissingCheckpointIsWrongUsage() {
        Run run = Run.heddle("generate", "--checkpoint", directory.resolve("none").toString());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("is not a file").hasLineCount(1);
    }

    @Test
    void aFileThatIsNoModelFails() throws IOException {
        Path file = Files.writeString(directory.resolve("model.bin"), "no model at all");
        Run run = Run.heddle("generate", "--checkpoint", file.toString(), "--tokenizer", file.toString());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("model.bin").hasLineCount(1);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void anEmptyFileFails() throws IOException {
        Path file = Files.createFile(directory.resolve("model.safetensors"));
        Run run = Run.heddle("generate", "--checkpoint", file.toString(), "--prompt", "a");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("model.safetensors: is empty").hasLineCount(1);
    }

    @Test
    void aTemperatureBelowZeroIsWrongUsage() {
        Run run = Run.heddle("generate", "--checkpoint", "any", "--temperature", "-1");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("temperature -1.0");
    }
}
