package dev.heddle.benchmarks;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Runs benchmarks beside their peers and says how they compare: `[REGEX] [--json FILE] [--markdown FILE] [--full]`, and
/// JMH's own options (`-f`, `-wi`, `-i`, `-r`, `-p` …) behind them.
///
/// The quick profile cuts warm-up and measurement so that all that matches takes [#BUDGET_SECONDS] or less; `--full`
/// keeps what each benchmark asks for. Progress goes to standard error, the table to standard output.
public final class Bench {
    /// What every JVM that measures is started with, whatever this one was.
    private static final String[] JVM_FLAGS = {
        "--add-modules=jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-XX:+UseParallelGC",
        "-Xms1g",
        "-Xmx1g"
    };

    private static final double BUDGET_SECONDS = 540;
    private static final double START_SECONDS = 3;
    private static final int WARM_UPS = 2;
    private static final int MEASUREMENTS = 3;
    private static final long SHORTEST_MILLIS = 50;
    private static final long LONGEST_MILLIS = 1000;

    private static final int DONE = 0;
    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private final Request request;
    private final PrintStream out;
    private final PrintStream err;

    private Bench(Request request, PrintStream out, PrintStream err) {
        this.request = request;
        this.out = out;
        this.err = err;
    }

    /// Exits with 0, with 1 if a benchmark failed (a wrong result included), with 2 on wrong usage.
    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out, System.err));
    }

    static int run(String[] arguments, PrintStream out, PrintStream err) {
        try {
            return new Bench(Request.parse(arguments), out, err).run();
        } catch (UsageException e) {
            err.println("bench: " + e.getMessage());
            return USAGE;
        } catch (RunnerException | IOException e) {
            err.println("bench: " + e.getMessage());
            return FAILED;
        }
    }

    private int run() throws UsageException, RunnerException, IOException {
        Progress progress = new Progress(err);
        SortedSet<BenchmarkListEntry> found = find(progress);
        if (request.jmh.shouldList()) {
            found.stream().map(BenchmarkListEntry::getUsername).distinct().forEach(out::println);
            return DONE;
        }
        Collection<RunResult> results = new Runner(options(found, progress).build(), progress).run();
        Report report = Report.of(results);
        out.print(report.table());
        for (Path file : request.json) {
            Files.writeString(file, report.json());
        }
        for (Path file : request.markdown) {
            Files.writeString(file, report.markdown(request.commandLine));
        }
        progress.failures().forEach(failure -> err.println("bench: failed: " + failure));
        return progress.failures().isEmpty() ? DONE : FAILED;
    }

    private SortedSet<BenchmarkListEntry> find(Progress progress) throws UsageException {
        BenchmarkList all = BenchmarkList.defaultList();
        SortedSet<BenchmarkListEntry> found = all.find(progress, request.jmh.getIncludes(), request.jmh.getExcludes());
        if (found.isEmpty()) {
            throw new UsageException(
                    "no benchmark matches " + String.join(" ", request.jmh.getIncludes()) + "; -l lists all of them");
        }
        return found;
    }

    private ChainedOptionsBuilder options(SortedSet<BenchmarkListEntry> found, Progress progress) {
        ChainedOptionsBuilder options = new OptionsBuilder().parent(request.jmh);
        if (!request.jmh.getJvmArgs().hasValue()) {
            options.jvmArgs(JVM_FLAGS);
        }
        Map<String, List<String>> filled = new HashMap<>();
        fill(options, found, filled, "variant", () -> variants(_ -> true));
        fill(options, found, filled, "trained", () -> variants(Bench::trains));
        if (request.full) {
            fill(options, found, filled, "sparsity", Sparsity::ids);
            fill(options, found, filled, "context", () -> texts(PatternBenchmark.CONTEXTS));
            fill(options, found, filled, "maskedContext", () -> texts(PatternPeerBenchmark.CONTEXTS));
        }
        int runs = found.stream().mapToInt(entry -> runs(entry, filled)).sum();
        progress.expect(runs);
        if (!request.full) {
            quick(options, runs);
        }
        return options;
    }

    /// Gives a parameter values that JMH's annotation cannot: the ids of the catalogue, or more than the quick profile's.
    private void fill(
            ChainedOptionsBuilder options,
            SortedSet<BenchmarkListEntry> found,
            Map<String, List<String>> filled,
            String parameter,
            Supplier<List<String>> values) {
        boolean asked = request.jmh.getParameter(parameter).hasValue();
        if (!asked && found.stream().anyMatch(entry -> has(entry, parameter))) {
            filled.put(parameter, values.get());
            options.param(parameter, values.get().toArray(String[]::new));
        }
    }

    private static List<String> variants(Predicate<Variant> choice) {
        return Catalog.load().variants().stream().filter(choice).map(Variant::id).toList();
    }

    private static List<String> texts(int[] values) {
        return Arrays.stream(values).mapToObj(String::valueOf).toList();
    }

    private static boolean has(BenchmarkListEntry entry, String parameter) {
        return entry.getParams().hasValue() && entry.getParams().get().containsKey(parameter);
    }

    private static boolean trains(Variant variant) {
        return !variant.examples().isEmpty()
                && variant.build(variant.examples().getFirst(), Seed.of(0)).trains(Form.PARALLEL);
    }

    private int runs(BenchmarkListEntry entry, Map<String, List<String>> filled) {
        int runs = 1;
        if (entry.getParams().hasValue()) {
            for (var parameter : entry.getParams().get().entrySet()) {
                String name = parameter.getKey();
                var given = request.jmh.getParameter(name);
                List<String> values = filled.get(name);
                int usual = values == null ? parameter.getValue().length : values.size();
                runs *= given.hasValue() ? given.get().size() : usual;
            }
        }
        return runs;
    }

    private void quick(ChainedOptionsBuilder options, int runs) {
        double seconds = BUDGET_SECONDS / runs - START_SECONDS;
        long millis = (long) (1000 * seconds / (WARM_UPS + MEASUREMENTS));
        TimeValue time = TimeValue.milliseconds(Math.clamp(millis, SHORTEST_MILLIS, LONGEST_MILLIS));
        CommandLineOptions given = request.jmh;
        options.forks(given.getForkCount().orElse(1));
        options.warmupIterations(given.getWarmupIterations().orElse(WARM_UPS));
        options.warmupTime(given.getWarmupTime().orElse(time));
        options.measurementIterations(given.getMeasurementIterations().orElse(MEASUREMENTS));
        options.measurementTime(given.getMeasurementTime().orElse(time));
    }

    /// What was asked for: our options, and JMH's.
    private record Request(
            CommandLineOptions jmh, List<Path> json, List<Path> markdown, boolean full, String commandLine) {
        static Request parse(String[] arguments) throws UsageException {
            List<String> rest = new ArrayList<>();
            List<Path> json = new ArrayList<>();
            List<Path> markdown = new ArrayList<>();
            boolean full = false;
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--json" -> json.add(file(arguments, ++i));
                    case "--markdown" -> markdown.add(file(arguments, ++i));
                    case "--full" -> full = true;
                    default -> rest.add(arguments[i]);
                }
            }
            return new Request(jmh(rest), json, markdown, full, String.join(" ", arguments));
        }

        private static Path file(String[] arguments, int index) throws UsageException {
            if (index == arguments.length) {
                throw new UsageException(arguments[index - 1] + ": no file given; name one behind it");
            }
            Path file = Path.of(arguments[index]).toAbsolutePath();
            Path folder = file.getParent();
            if (folder == null || Files.isDirectory(file) || !Files.isDirectory(folder)) {
                throw new UsageException(
                        arguments[index - 1] + ": " + file + " cannot be a file; name one in a folder that exists");
            }
            return file;
        }

        private static CommandLineOptions jmh(List<String> arguments) throws UsageException {
            try {
                CommandLineOptions options = new CommandLineOptions(arguments.toArray(String[]::new));
                options.getIncludes().forEach(Pattern::compile);
                return options;
            } catch (CommandLineOptionException e) {
                throw new UsageException(firstLine(e));
            } catch (PatternSyntaxException e) {
                throw new UsageException("'" + e.getPattern() + "' is no regular expression: " + e.getDescription());
            }
        }

        private static String firstLine(Exception e) {
            return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        }
    }

    private static final class UsageException extends Exception {
        UsageException(String message) {
            super(message);
        }
    }
}
