package dev.heddle.suite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The golden files among the test resources.
final class GoldenFiles {
    private GoldenFiles() {}

    static Path folder() {
        URL url = GoldenFiles.class.getResource("/golden");
        if (url == null) {
            throw new IllegalStateException("the test resources hold no folder 'golden'");
        }
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    static List<Path> all() {
        return in(folder());
    }

    /// Those of one variant.
    static List<Path> of(String id) {
        Path own = folder().resolve(id);
        return Files.isDirectory(own) ? in(own) : List.of();
    }

    private static List<Path> in(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
