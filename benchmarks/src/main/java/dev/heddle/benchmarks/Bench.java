package dev.heddle.benchmarks;

import dev.heddle.benchmarks.Selection.Case;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// Runs benchmarks beside their peers and says how they compare; `-h` says what can be asked for.
///
/// A benchmark warms up and is measured as long as its [Effort] says. Where all that matches would take more than
/// [Effort#BUDGET_SECONDS] a round, the quick profile cuts it and says so; `--full` never does. Progress goes to standard
/// error, the table to standard output.
public final class Bench {
    /// What every JVM that measures is started with, whatever this one was.
    private static final String[] JVM_FLAGS = {
        "--add-modules=jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.ai.djl.util.cuda=error", // It warns of a machine without a GPU.
        "-XX:+UseParallelGC",
        "-Xms1g",
        "-Xmx1g"
    };

    private static final int DONE = 0;
    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private final Request request;
    private final PrintStream out;
    private final PrintStream err;
    private final Progress progress;

    private Bench(Request request, PrintStream out, PrintStream err) {
        this.request = request;
        this.out = out;
        this.err = err;
        progress = new Progress(err);
    }

    /// Exits with 0, with 1 if a benchmark failed (a wrong result included), with 2 on wrong usage.
    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out, System.err));
    }

    static int run(String[] arguments, PrintStream out, PrintStream err) {
        try {
            Bench bench = new Bench(Request.parse(arguments), out, err);
            return bench.answersQuestion() ? DONE : bench.run();
        } catch (UsageException e) {
            err.println("bench: " + e.getMessage());
            return USAGE;
        } catch (RunnerException | IOException e) {
            err.println("bench: " + e.getMessage());
            return FAILED;
        }
    }

    private boolean answersQuestion() throws UsageException, IOException {
        CommandLineOptions jmh = request.jmh();
        if (jmh.shouldHelp()) {
            out.print(Request.HELP);
            out.flush();
            jmh.showHelp();
        } else if (jmh.shouldListProfilers()) {
            jmh.listProfilers();
        } else if (jmh.shouldListResultFormats()) {
            jmh.listResultFormats();
        } else if (jmh.shouldListWithParams()) {
            Selection.of(request, progress).namesWithParameters().forEach(out::println);
        } else if (jmh.shouldList()) {
            Selection.of(request, progress).names().forEach(out::println);
        } else {
            return false;
        }
        return true;
    }

    private int run() throws UsageException, RunnerException, IOException {
        List<RunResult> results = measure(Selection.of(request, progress).cases());
        Report report = Report.of(results);
        out.print(report.table());
        for (Path file : request.json()) {
            Files.writeString(file, report.json());
        }
        for (Path file : request.markdown()) {
            Files.writeString(file, report.markdown(request.commandLine()));
        }
        writeAsJmhDoes(results);
        progress.failures().forEach(failure -> err.println("bench: failed: " + failure));
        return progress.failures().isEmpty() ? DONE : FAILED;
    }

    private List<RunResult> measure(List<Case> cases) throws RunnerException {
        double share = share(cases);
        progress.expect(cases.size(), request.rounds());
        List<RunResult> results = new ArrayList<>();
        List<Case> sound = new ArrayList<>(cases);
        for (int round = 0; round < request.rounds(); round++) {
            for (Case one : List.copyOf(sound)) {
                Collection<RunResult> result = new Runner(options(one, share).build(), progress).run();
                results.addAll(result);
                if (result.isEmpty()) {
                    sound.remove(one);
                }
            }
        }
        return results;
    }

    /// How much of the time that they ask for the benchmarks get, from 0 to 1.
    private double share(List<Case> cases) {
        List<Effort> asked = efforts(cases, 1);
        double share = request.full() ? 1 : Effort.share(asked);
        double seconds = Effort.seconds(asked);
        if (Effort.seconds(efforts(cases, share)) < seconds) {
            err.printf(
                    "bench: %d benchmarks in %d seconds cannot warm up as they ask for (%.0f seconds), so figures will be "
                            + "too slow; choose fewer, or give --full%n",
                    cases.size(), Effort.BUDGET_SECONDS, seconds);
        }
        return share;
    }

    private List<Effort> efforts(List<Case> cases, double share) {
        return cases.stream().map(one -> Effort.of(one.entry(), request.jmh(), share)).toList();
    }

    private ChainedOptionsBuilder options(Case one, double share) {
        ChainedOptionsBuilder options = new OptionsBuilder().parent(request.jmh());
        if (!request.jmh().getJvmArgs().hasValue()) {
            options.jvmArgs(JVM_FLAGS);
        }
        one.choose(options);
        Effort.of(one.entry(), request.jmh(), share).choose(options);
        return options;
    }

    // JMH has written the results of the last case only.
    private void writeAsJmhDoes(List<RunResult> results) {
        if (request.jmh().getResult().hasValue()) {
            ResultFormatType format = request.jmh().getResultFormat().orElse(ResultFormatType.CSV);
            ResultFormatFactory.getInstance(format, request.jmh().getResult().get()).writeOut(results);
        }
    }
}
