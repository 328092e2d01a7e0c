package dev.heddle.lab;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.lab.compare.Comparison;
import dev.heddle.lab.compare.Report;
import dev.heddle.lab.compare.Suite;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.training.TrainingSettings;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;

/// Trains variants side by side and reports.
@Command(
        name = "compare",
        description = {
            "Train variants side by side on real text and show how they do.",
            "Each is one changed choice in the same small stack (multi-head attention, rotary positions, SwiGLU). Mixers"
                    + " that bring no position and cannot rotate get sinusoidal ones. DIR gets report.html, results.json"
                    + " and the plots."
        },
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class CompareCommand implements Runnable {
    private static final int EVALUATIONS = 12;
    private static final int TOKENS_ON_THE_WAY = 1 << 14;

    @Spec private CommandSpec spec;

    @Option(
            names = "--variants",
            split = ",",
            paramLabel = "ID",
            defaultValue = "mha,mqa,gqa,local,learned,sinusoidal,rope,alibi,nope",
            description = "See 'heddle variants'; a+b makes both choices at once. Default: ${DEFAULT-VALUE}.")
    private List<String> variants;

    @Option(
            names = "--suite",
            paramLabel = "NAME",
            description =
                    "In place of variants, all of one kind with a context, batch and steps to suit them:"
                            + " ${COMPLETION-CANDIDATES} (whatever sees fewer keys than causal attention).")
    private @Nullable Suite suite;

    @Option(
            names = "--corpus",
            paramLabel = "NAME|FILE",
            defaultValue = Corpus.DEFAULT,
            description = "Text to train on, UTF-8. Default: ${DEFAULT-VALUE}, which is built in.")
    private String corpus;

    @Option(names = "--steps", defaultValue = "150", description = "Updates of each. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(names = "--width", defaultValue = "128", description = "Model width. Default: ${DEFAULT-VALUE}.")
    private int width;

    @Option(names = "--depth", defaultValue = "4", description = "Blocks. Default: ${DEFAULT-VALUE}.")
    private int depth;

    @Option(names = "--heads", defaultValue = "4", description = "Query heads. Default: ${DEFAULT-VALUE}.")
    private int heads;

    @Option(names = "--context", defaultValue = "128", description = "Tokens of a window. Default: ${DEFAULT-VALUE}.")
    private int context;

    @Option(names = "--batch", defaultValue = "8", description = "Windows of a step. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--lr", defaultValue = "2e-3", description = "Highest learning rate. Default: ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(names = "--seed", defaultValue = "1337", description = "Of everything random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "out/compare",
            description = "Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Option(names = "--json", description = "Print results.json instead of the table.")
    private boolean json;

    @Option(
            names = {"-q", "--quiet"},
            description = "No progress bars.")
    private boolean quiet;

    @Override
    public void run() {
        if (suite != null) {
            take(suite);
        }
        var settings =
                new TrainingSettings(
                        context,
                        batch,
                        steps,
                        learningRate,
                        learningRate / 10,
                        Math.min(100, steps / 10),
                        0.1,
                        1.0,
                        Math.max(1, steps / EVALUATIONS),
                        Math.max(1, TOKENS_ON_THE_WAY / Math.max(1, context)),
                        Math.max(1, steps),
                        seed);
        var options = new Comparison.Options(variants, width, depth, heads, TrainingRun.gatedWidth(width), settings);
        Comparison comparison = new Comparison(options, Corpus.load(corpus));
        OutputFolder.prepare(out);
        Report report = comparison.run(quiet);
        PrintWriter result = spec.commandLine().getOut();
        // Before the files: what took minutes to measure is not lost to a full disk.
        if (json) {
            result.println(report.json());
        } else {
            result.print(report.table());
            result.println();
        }
        result.flush();
        report.write(out);
        if (!json) {
            result.println("* best of its column. Report: " + out.resolve("report.html"));
            result.flush();
        }
    }

    private void take(Suite chosen) {
        if (isGiven("--variants")) {
            throw new ParameterException(
                    spec.commandLine(), "--suite and --variants both say what to compare; give one of them");
        }
        context = isGiven("--context") ? context : chosen.context();
        batch = isGiven("--batch") ? batch : chosen.batch();
        steps = isGiven("--steps") ? steps : chosen.steps();
        variants = chosen.contenders(Catalog.load(), new StackSizes(width, heads, context));
    }

    private boolean isGiven(String option) {
        return spec.commandLine().getParseResult().hasMatchedOption(option);
    }
}
