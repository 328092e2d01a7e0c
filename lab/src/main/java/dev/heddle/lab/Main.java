package dev.heddle.lab;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.lab.environment.Version;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

import java.util.List;

/// Entry point of `./heddle`: parses the arguments and runs one subcommand.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage (also an argument that names what is not there or makes no sense). Errors
/// are one line on standard error; `--debug` adds the stack trace.
@Command(
        name = "heddle",
        description = "Transformer variants on the CPU: compare, train, generate, prove.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            CompareCommand.class,
            TrainCommand.class,
            GenerateCommand.class,
            VariantsCommand.class,
            ShowCommand.class,
            ConformCommand.class,
            BenchCommand.class,
            EnvCommand.class
        })
public final class Main {
    @Option(names = "--debug", description = "Print the stack trace of an error.", scope = ScopeType.INHERIT)
    private boolean debug;

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        var main = new Main();
        return new CommandLine(main)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler((error, _) -> main.refuse(error))
                .setExecutionStrategy(Main::run)
                .setExecutionExceptionHandler((error, command, _) -> main.fail(error, command));
    }

    // Whoever asks for too much learns what was too much from a line, not from a trace.
    private static int run(CommandLine.ParseResult parsed) {
        try {
            return new CommandLine.RunLast().execute(parsed);
        } catch (OutOfMemoryError | StackOverflowError error) {
            throw new CommandLine.ExecutionException(
                    parsed.asCommandLineList().getLast(),
                    "memory: it does not suffice ("
                            + error
                            + "); use smaller sizes, or give the JVM more with HEDDLE_JAVA_OPTS=-Xmx…",
                    error);
        }
    }

    private int refuse(CommandLine.ParameterException error) {
        CommandLine command = error.getCommandLine();
        report(error, command, "; " + help(error, command));
        return CommandLine.ExitCode.USAGE;
    }

    private static String help(CommandLine.ParameterException error, CommandLine command) {
        List<String> nearest =
                error instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
        String all = "see '" + command.getCommandSpec().qualifiedName() + " --help'";
        return nearest.isEmpty() ? all : "did you mean " + String.join(" or ", nearest) + "? Or " + all;
    }

    private int fail(Exception error, CommandLine command) {
        report(error, command, "");
        boolean usage = error instanceof ConfigException || error instanceof InputException;
        return usage ? CommandLine.ExitCode.USAGE : CommandLine.ExitCode.SOFTWARE;
    }

    private void report(Exception error, CommandLine command, String hint) {
        String message = error.getMessage() == null ? error.toString() : error.getMessage();
        command.getErr().println("heddle: " + message.strip().replaceAll("\\s*\\R\\s*", " ") + hint);
        if (debug) {
            error.printStackTrace(command.getErr());
        }
    }
}
