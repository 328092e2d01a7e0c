package dev.heddle.lab;

import dev.heddle.core.error.HeddleException;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Runs the benchmarks, which are a module above this one: the launcher puts them on the class path.
@Command(
        name = "bench",
        description = "Measure kernels and models beside their peers (PyTorch, ND4J); the quick profile takes minutes.",
        mixinStandardHelpOptions = true)
final class BenchCommand implements Runnable {
    private static final String BENCHMARKS = "dev.heddle.benchmarks.Bench";

    @Parameters(
            arity = "0..1",
            paramLabel = "REGEX",
            description = "Only benchmarks whose name contains a match; if absent, a survey of all at one size each.")
    private String regex = "";

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures and ratios as JSON.")
    private @Nullable Path json;

    @Option(names = "--markdown", paramLabel = "FILE", description = "Also write the table in Markdown.")
    private @Nullable Path markdown;

    @Option(names = "--full", description = "Warm up and measure as long as each benchmark asks for.")
    private boolean full;

    @Option(
            names = "--rounds",
            paramLabel = "R",
            description = "Run everything R times in turn and report medians. Default: 1, or 3 with --full.")
    private @Nullable Integer rounds;

    @Override
    public void run() {
        List<String> arguments = new ArrayList<>();
        if (!regex.isEmpty()) {
            arguments.add(regex);
        }
        if (json != null) {
            arguments.addAll(List.of("--json", json.toString()));
        }
        if (markdown != null) {
            arguments.addAll(List.of("--markdown", markdown.toString()));
        }
        if (full) {
            arguments.add("--full");
        }
        if (rounds != null) {
            arguments.addAll(List.of("--rounds", rounds.toString()));
        }
        try {
            Class.forName(BENCHMARKS)
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) arguments.toArray(String[]::new));
        } catch (InvocationTargetException e) {
            throw new HeddleException("bench: " + Objects.requireNonNull(e.getCause()).getMessage(), e);
        } catch (ReflectiveOperationException e) {
            throw new HeddleException(
                    "bench: the benchmarks are not on the class path; start them with ./heddle bench", e);
        }
    }
}
