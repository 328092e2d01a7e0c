package dev.heddle.lab;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.testkit.Conformance;
import dev.heddle.testkit.GoldenResult;
import dev.heddle.testkit.GoldenResult.Status;
import dev.heddle.testkit.Precision;

import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;

/// Holds variants against golden files.
@Command(
        name = "conform",
        description = {
            "Compare variants with the outputs and gradients in golden files.",
            "A line a file: PASS|FAIL|UNSUPPORTED variant/case worst-tensor max-abs max-rel."
        },
        mixinStandardHelpOptions = true)
final class ConformCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(
            arity = "1..*",
            paramLabel = "PATH",
            description = "Golden files (*.safetensors), or folders that hold some at any depth.")
    private List<Path> paths;

    @Option(names = "--json", description = "Print a JSON array, an object a file.")
    private boolean json;

    @Option(names = "--allow-unsupported", description = "Do not fail for variants that are not in the catalogue.")
    private boolean allowUnsupported;

    @Option(
            names = "--precision",
            paramLabel = "f64|f32|both",
            defaultValue = "both",
            description =
                    "Which kernels to hold against the files; of both, the worse counts. Default: ${DEFAULT-VALUE}.")
    private Precision precision;

    @Override
    public Integer call() {
        for (Path path : paths) {
            if (!Files.exists(path)) {
                throw new ParameterException(
                        spec.commandLine(),
                        "path: '" + path + "' does not exist; give golden files or folders of them");
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        var options = new Conformance.Options(Catalog.load(), precision, allowUnsupported);
        Conformance all = Conformance.run(paths, options, this::print);
        if (json) {
            out.println(all.toJson());
        }
        spec.commandLine()
                .getErr()
                .printf(
                        "%d passed, %d failed, %d unsupported%n",
                        all.count(Status.PASS), all.count(Status.FAIL), all.count(Status.UNSUPPORTED));
        return all.passed() ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    // Errors of a file name it already.
    private static String reason(GoldenResult result) {
        String file = String.valueOf(result.file());
        return result.reason().startsWith(file) ? result.reason() : file + ": " + result.reason();
    }

    private void print(GoldenResult result) {
        if (!json) {
            spec.commandLine().getOut().println(result.line());
            if (result.status() == Status.FAIL) {
                spec.commandLine().getErr().println(reason(result));
            }
        }
    }
}
