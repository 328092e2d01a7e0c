package dev.heddle.benchmarks;

import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

import java.io.PrintStream;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/// One line a benchmark on standard error, and why one failed.
final class Progress implements OutputFormat {
    private final PrintStream err;
    private final List<String> failures = new ArrayList<>();
    private final StringBuilder said = new StringBuilder();
    private int benchmarks;
    private int rounds;
    private int started;
    private @Nullable String running;

    Progress(PrintStream err) {
        this.err = err;
    }

    /// How many there will be.
    void expect(int benchmarks, int rounds) {
        this.benchmarks = benchmarks;
        this.rounds = rounds;
    }

    /// The benchmarks that ended without a result, and the reason.
    List<String> failures() {
        return failures;
    }

    @Override
    public void startBenchmark(BenchmarkParams benchmark) {
        noteFailure();
        running = Name.of(benchmark).toString();
        err.printf("[%d/%d] %s ", ++started, benchmarks * rounds, running);
        err.flush();
    }

    @Override
    public void endBenchmark(@Nullable BenchmarkResult result) {
        if (result != null) {
            Result<?> primary = result.getPrimaryResult();
            err.printf(Locale.ROOT, "%.4g %s%n", primary.getScore(), primary.getScoreUnit());
            running = null;
            said.setLength(0);
        }
    }

    @Override
    public void endRun(Collection<RunResult> results) {
        noteFailure();
    }

    private void noteFailure() {
        if (running != null) {
            failures.add(running + ": " + reason());
            err.println("failed");
            running = null;
        }
        said.setLength(0);
    }

    /// The message of the exception, which JMH prints among much else.
    private String reason() {
        return said.toString()
                .lines()
                .map(String::strip)
                .filter(line -> line.matches("[\\w.$]+(Exception|Error)(: .*)?"))
                .map(line -> line.replaceFirst("^[\\w.$]+(Exception|Error): ", ""))
                .findFirst()
                .orElse("the measuring JVM ended early; run it alone with -v EXTRA");
    }

    @Override
    public void print(String text) {
        said.append(text);
    }

    @Override
    public void println(String text) {
        said.append(text).append('\n');
    }

    @Override
    public void verbosePrintln(String text) {
        println(text);
    }

    @Override
    public void write(int b) {
        said.append((char) b);
    }

    @Override
    public void write(byte[] bytes) {
        said.append(new String(bytes, Charset.defaultCharset()));
    }

    @Override
    public void iteration(BenchmarkParams benchmark, IterationParams parameters, int iteration) {}

    @Override
    public void iterationResult(
            BenchmarkParams benchmark, IterationParams parameters, int iteration, IterationResult result) {}

    @Override
    public void startRun() {}

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
