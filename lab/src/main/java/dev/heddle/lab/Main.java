package dev.heddle.lab;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// Entry point of `./heddle`: parses the arguments and runs one subcommand.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one line on standard error; `--debug` adds the stack trace.
@Command(
        name = "heddle",
        description = "Transformer variants on the CPU: compare, train, generate, prove.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND")
public final class Main {
    @Option(names = "--debug", description = "Print the stack trace of an error.", scope = ScopeType.INHERIT)
    private boolean debug;

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        var main = new Main();
        return new CommandLine(main)
                .setParameterExceptionHandler((error, _) -> main.refuse(error))
                .setExecutionExceptionHandler((error, command, _) -> main.fail(error, command));
    }

    private int refuse(CommandLine.ParameterException error) {
        CommandLine command = error.getCommandLine();
        report(error, command);
        command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
        return CommandLine.ExitCode.USAGE;
    }

    private int fail(Exception error, CommandLine command) {
        report(error, command);
        return CommandLine.ExitCode.SOFTWARE;
    }

    private void report(Exception error, CommandLine command) {
        String message = error.getMessage() == null ? error.toString() : error.getMessage();
        command.getErr().println("heddle: " + message);
        if (debug) {
            error.printStackTrace(command.getErr());
        }
    }
}
