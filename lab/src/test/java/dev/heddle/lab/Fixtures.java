package dev.heddle.lab;

import dev.heddle.core.tensor.Seed;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What the tests of several commands need.
final class Fixtures {
    private static final List<String> WORDS = List.of("the", "loom", "lifts", "warp", "and", "weft", "passes", "over");

    private Fixtures() {}

    /// A text of some thousand characters.
    static Path corpus(Path directory) {
        RandomGenerator generator = Seed.of(3).generator();
        String text =
                Stream.generate(() -> WORDS.get(generator.nextInt(WORDS.size())))
                        .limit(600)
                        .collect(Collectors.joining(" "));
        try {
            return Files.writeString(directory.resolve("corpus.txt"), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Options and their values, with those of `more` in place of the usual ones.
    static String[] options(String command, Map<String, String> usual, String... more) {
        List<String> arguments = new ArrayList<>(List.of(command));
        usual.forEach(
                (option, value) -> {
                    if (!List.of(more).contains(option)) {
                        arguments.addAll(List.of(option, value));
                    }
                });
        arguments.addAll(List.of(more));
        return arguments.toArray(String[]::new);
    }
}
