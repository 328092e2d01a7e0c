package dev.heddle.benchmarks;

import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// What was asked for: our options, and JMH's.
record Request(
        CommandLineOptions jmh, List<Path> json, List<Path> markdown, boolean full, int rounds, String commandLine) {
    private static final int FULL_ROUNDS = 3;

    /// Our part of the help; JMH's follows it.
    static final String HELP =
            """
            Usage: java -jar benchmarks/target/benchmarks.jar [REGEX] [OPTIONS]

            Measures Heddle beside its peers and says how they compare. Progress goes to standard
            error, the table to standard output.

              REGEX             only benchmarks whose name contains a match; if absent, a survey of all
                                with a peer, at one size each, in ten minutes at most
              --json FILE       also write the figures and ratios as JSON
              --markdown FILE   also write the table in Markdown
              --full            warm up and measure as long as each benchmark asks for, however many
                                there are, with all values of their parameters, in three rounds
              --rounds R        run everything R times in turn and report medians: a benchmark and its
                                peers directly behind each other, then the next; with the spread
              -h, --help        this text
              -l                list all that matches
              -lp               list what would run with the values of its parameters

            Exits with 0, with 1 if a benchmark failed (a wrong result included), with 2 on wrong usage.

            What follows is JMH's own help; its options work here too:

            """;

    /// Whether nothing in particular was asked for.
    boolean isSurvey() {
        return !full && jmh.getIncludes().isEmpty();
    }

    static Request parse(String[] arguments) throws UsageException {
        List<String> rest = new ArrayList<>();
        List<Path> json = new ArrayList<>();
        List<Path> markdown = new ArrayList<>();
        boolean full = false;
        int rounds = 0;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--json" -> json.add(file(arguments, ++i));
                case "--markdown" -> markdown.add(file(arguments, ++i));
                case "--rounds" -> rounds = positive(arguments, ++i);
                case "--full" -> full = true;
                case "--help" -> rest.add("-h");
                default -> rest.add(arguments[i]);
            }
        }
        if (rounds == 0) {
            rounds = full ? FULL_ROUNDS : 1;
        }
        return new Request(jmh(rest), json, markdown, full, rounds, String.join(" ", arguments));
    }

    private static int positive(String[] arguments, int index) throws UsageException {
        String number = behind(arguments, index, "number");
        if (!number.matches("[1-9]\\d{0,3}")) {
            throw new UsageException(arguments[index - 1] + ": '" + number + "' is no number from 1 to 9999");
        }
        return Integer.parseInt(number);
    }

    private static Path file(String[] arguments, int index) throws UsageException {
        Path file = Path.of(behind(arguments, index, "file")).toAbsolutePath();
        Path folder = file.getParent();
        if (folder == null || Files.isDirectory(file) || !Files.isDirectory(folder)) {
            throw new UsageException(
                    arguments[index - 1] + ": " + file + " cannot be a file; name one in a folder that exists");
        }
        return file;
    }

    private static String behind(String[] arguments, int index, String what) throws UsageException {
        if (index == arguments.length) {
            throw new UsageException(arguments[index - 1] + ": no " + what + " given; name one behind it");
        }
        return arguments[index];
    }

    private static CommandLineOptions jmh(List<String> arguments) throws UsageException {
        try {
            CommandLineOptions options = new CommandLineOptions(arguments.toArray(String[]::new));
            options.getIncludes().forEach(Pattern::compile);
            if (options.getBenchModes().size() > 1) {
                throw new UsageException("-bm: " + options.getBenchModes() + " cannot be compared; give one mode");
            }
            return options;
        } catch (CommandLineOptionException e) {
            throw new UsageException(firstLine(e) + "; -h lists all options");
        } catch (PatternSyntaxException e) {
            throw new UsageException("'" + e.getPattern() + "' is no regular expression: " + e.getDescription());
        }
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
}
