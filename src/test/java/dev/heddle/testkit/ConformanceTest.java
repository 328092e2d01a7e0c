package dev.heddle.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.testkit.GoldenResult.Status;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class ConformanceTest {
    private static final Conformance.Options STRICT = new Conformance.Options(Toy.catalog(), Precision.BOTH, false);

    @TempDir private Path folder;

    private Path golden(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        ToyGoldenFile golden = new ToyGoldenFile(3, 5);
        golden.metadata.put("case", name.replaceFirst("\\.safetensors$", ""));
        return golden.write(file);
    }

    @Test
    void foldersAreWalkedInOrder() throws IOException {
        golden("b/two.safetensors");
        golden("a/deep/one.safetensors");
        Files.writeString(folder.resolve("a/notes.txt"), "not a golden file");
        List<String> seen = new ArrayList<>();

        Conformance conformance = Conformance.run(List.of(folder), STRICT, result -> seen.add(result.caseName()));

        assertThat(seen).containsExactly("a/deep/one", "b/two");
        assertThat(conformance.passed()).isTrue();
        assertThat(conformance.count(Status.PASS)).isEqualTo(2);
        assertThat(conformance.toJson()).startsWith("[{").endsWith("}]");
    }

    @Test
    void badFilesFailAndTheOthersStillRun() throws IOException {
        byte[] whole = Files.readAllBytes(golden("good.safetensors"));
        for (int cut = 0; cut < whole.length; cut += 97) {
            Files.write(folder.resolve("cut-" + cut + ".safetensors"), Arrays.copyOf(whole, cut));
        }
        Files.writeString(folder.resolve("text.safetensors"), "this is no tensor file");

        Conformance conformance = Conformance.run(List.of(folder), STRICT);

        assertThat(conformance.passed()).isFalse();
        assertThat(conformance.count(Status.PASS)).isEqualTo(1);
        assertThat(conformance.count(Status.FAIL)).isEqualTo(conformance.results().size() - 1);
    }

    @Test
    void nothingIsAFailure() {
        assertThat(Conformance.run(List.of(), STRICT).passed()).isFalse();
        assertThat(Conformance.run(List.of(folder), STRICT).results())
                .singleElement()
                .satisfies(result -> assertThat(result.reason()).contains("no .safetensors file"));
        assertThat(Conformance.run(List.of(folder.resolve("absent")), STRICT).passed()).isFalse();
    }

    @Test
    void unsupportedFailsUnlessAllowed() throws IOException {
        Path file = folder.resolve("other.safetensors");
        ToyGoldenFile golden = new ToyGoldenFile(3, 5);
        golden.metadata.put("variant", "other");
        golden.write(file);

        assertThat(Conformance.run(List.of(file), STRICT).passed()).isFalse();
        Conformance.Options lenient = new Conformance.Options(Toy.catalog(), Precision.BOTH, true);
        assertThat(Conformance.run(List.of(file), lenient).passed()).isTrue();
    }
}
