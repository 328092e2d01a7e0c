package dev.heddle.testkit;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.DType;
import dev.heddle.testkit.GoldenResult.Status;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Runs golden files, whole folders of them.
///
/// @param results one for each file, in the order they ran
/// @param allowUnsupported true if a variant that is not in the catalogue is no failure
public record Conformance(List<GoldenResult> results, boolean allowUnsupported) {
    private static final String SUFFIX = ".safetensors";

    /// What to run with.
    ///
    /// @param catalog the variants to choose from
    /// @param precision F32, F64 or the worse of both
    /// @param allowUnsupported true if a variant that is not in the catalogue is no failure
    public record Options(Catalog catalog, Precision precision, boolean allowUnsupported) {
        /// Every variant on the class path, in both precisions, each of them needed.
        public static Options standard() {
            return new Options(Catalog.load(), Precision.BOTH, false);
        }
    }

    /// @throws NullPointerException if a result is null
    public Conformance {
        results = List.copyOf(results);
    }

    /// Runs files, and all `*.safetensors` in folders at any depth, in the order given and, inside a folder, sorted by
    /// path. A path that is missing, or a folder without golden files, is a FAIL.
    public static Conformance run(List<Path> paths, Options options) {
        return run(paths, options, result -> {});
    }

    /// The same, handing every result out as soon as there is one.
    public static Conformance run(List<Path> paths, Options options, Consumer<GoldenResult> progress) {
        List<GoldenResult> results = new ArrayList<>();
        for (Path path : paths) {
            for (Path file : files(path)) {
                GoldenResult result =
                        Files.isDirectory(file)
                                ? nothingIn(file)
                                : Golden.check(file, options.catalog(), options.precision());
                progress.accept(result);
                results.add(result);
            }
        }
        return new Conformance(results, options.allowUnsupported());
    }

    // A folder that holds nothing, or cannot be read, stands for itself.
    private static List<Path> files(Path path) {
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        try (Stream<Path> all = Files.walk(path)) {
            List<Path> files =
                    all.filter(file -> file.toString().endsWith(SUFFIX)).filter(Files::isRegularFile).sorted().toList();
            return files.isEmpty() ? List.of(path) : files;
        } catch (IOException | UncheckedIOException e) {
            return List.of(path);
        }
    }

    private static GoldenResult nothingIn(Path folder) {
        return GoldenResult.unread(folder, DType.F32)
                .broken(
                        new InputException(
                                folder
                                        + ": no "
                                        + SUFFIX
                                        + " file can be read in it; give a file or a folder of them"));
    }

    /// True if there was something to run and all of it passes.
    public boolean passed() {
        return !results.isEmpty()
                && results.stream()
                        .allMatch(
                                result ->
                                        result.status() == Status.PASS
                                                || allowUnsupported && result.status() == Status.UNSUPPORTED);
    }

    /// How many results have a status.
    public long count(Status status) {
        return results.stream().filter(result -> result.status() == status).count();
    }

    /// All results as a JSON array, one object a line.
    public String toJson() {
        return results.stream().map(GoldenResult::toJson).collect(Collectors.joining(",\n", "[", "]"));
    }
}
