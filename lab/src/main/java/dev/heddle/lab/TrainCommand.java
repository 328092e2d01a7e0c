package dev.heddle.lab;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.lab.compare.Provenance;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.training.TrainingSettings;
import dev.heddle.lab.training.TrainingState;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Trains one model, saving it as it goes.
@Command(
        name = "train",
        description = {
            "Train a character-level language model and save it.",
            "DIR gets model.safetensors (the best so far, for 'heddle generate'), training.safetensors (to continue"
                    + " from) and results.json.",
            "The defaults are those of nanoGPT's character-level configuration for a CPU, but for its learning rate of"
                    + " 1e-3: twice that reaches a loss a tenth of a nat lower in as many steps."
        },
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class TrainCommand implements Runnable {
    private static final String CORPUS_HASH = "corpus-sha256";

    @Spec private CommandSpec spec;

    @Option(
            names = "--preset",
            paramLabel = "gpt|llama|stack",
            description =
                    "Layout; 'stack' is Llama's with --variant and --dropout. Default: llama, or stack with --variant.")
    private TrainingRun.@Nullable Preset preset;

    @Option(
            names = "--variant",
            split = ",",
            paramLabel = "ID",
            description = "Variants that replace choices of the stack; see 'heddle variants'.")
    private List<String> variants = List.of();

    @Option(
            names = "--corpus",
            paramLabel = "NAME|FILE",
            defaultValue = Corpus.DEFAULT,
            description = "Text to train on, UTF-8. Default: ${DEFAULT-VALUE}, which is built in.")
    private String corpus;

    @Option(names = "--width", defaultValue = "128", description = "Model width. Default: ${DEFAULT-VALUE}.")
    private int width;

    @Option(names = "--depth", defaultValue = "4", description = "Blocks. Default: ${DEFAULT-VALUE}.")
    private int depth;

    @Option(names = "--heads", defaultValue = "4", description = "Attention heads. Default: ${DEFAULT-VALUE}.")
    private int heads;

    @Option(names = "--context", defaultValue = "64", description = "Tokens of a window. Default: ${DEFAULT-VALUE}.")
    private int context;

    @Option(names = "--batch", defaultValue = "12", description = "Windows of a step. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--steps", defaultValue = "2000", description = "Updates in all. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(names = "--dropout", defaultValue = "0", description = "Probability. Default: ${DEFAULT-VALUE}.")
    private double dropout;

    @Option(names = "--lr", defaultValue = "2e-3", description = "Highest learning rate. Default: ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(names = "--min-lr", description = "Learning rate at the end. Default: a tenth of --lr.")
    private @Nullable Double minimumRate;

    @Option(names = "--warmup", description = "Steps of warm-up. Default: 100, or a twentieth of a short run.")
    private @Nullable Integer warmup;

    @Option(names = "--weight-decay", defaultValue = "0.1", description = "Of AdamW. Default: ${DEFAULT-VALUE}.")
    private double weightDecay;

    @Option(
            names = "--clip",
            defaultValue = "1.0",
            description = "Limit of the gradient's norm. Default: ${DEFAULT-VALUE}.")
    private double clip;

    @Option(
            names = "--eval-every",
            defaultValue = "250",
            description = "Steps between validations. Default: ${DEFAULT-VALUE}.")
    private int evaluateEvery;

    @Option(
            names = "--eval-windows",
            defaultValue = "0",
            description = "Windows of a validation on the way; 0 for the whole text. Default: ${DEFAULT-VALUE}.")
    private int evaluationWindows;

    @Option(
            names = "--checkpoint-every",
            defaultValue = "250",
            description = "Steps between checkpoints. Default: ${DEFAULT-VALUE}.")
    private int checkpointEvery;

    @Option(names = "--seed", defaultValue = "1337", description = "Of everything random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", defaultValue = "out/train", description = "Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Option(
            names = "--resume",
            description =
                    "Continue the run in DIR, to the same bits as if it had never stopped; start it if there is none.")
    private boolean resume;

    @Option(
            names = {"-q", "--quiet"},
            description = "No progress bar.")
    private boolean quiet;

    @Override
    public void run() {
        Path file = out.resolve(TrainingJob.STATE);
        boolean continues = Files.exists(file);
        if (continues && !resume) {
            throw new ConfigException(
                    "out: '" + out + "' already holds a run; add --resume to continue it or choose another --out");
        }
        Config config = continues ? agreed(TrainingState.run(file)) : asked().toConfig();
        TrainingRun run = TrainingRun.of(config);
        Corpus text = Corpus.load(run.corpus());
        if (continues && !text.hash().equals(config.text(CORPUS_HASH))) {
            throw new InputException(
                    "corpus: '"
                            + run.corpus()
                            + "' has changed since the run began; a run continues on the same text only");
        }
        Config whole = run.toConfig().with(CORPUS_HASH, text.hash());
        TrainingJob job = new TrainingJob(run, text, Provenance.now(text, run.toConfig()), out);
        OutputFolder.prepare(out);
        spec.commandLine().getOut().print(job.train(whole, continues, quiet));
        spec.commandLine().getOut().flush();
    }

    private TrainingRun asked() {
        TrainingRun.Preset layout =
                preset != null ? preset : variants.isEmpty() ? TrainingRun.Preset.LLAMA : TrainingRun.Preset.STACK;
        double lowest = minimumRate == null ? learningRate / 10 : minimumRate;
        int rising = warmup == null ? Math.min(100, steps / 20) : warmup;
        return new TrainingRun(
                layout,
                variants,
                corpus,
                width,
                depth,
                heads,
                dropout,
                new TrainingSettings(
                        context,
                        batch,
                        steps,
                        learningRate,
                        lowest,
                        rising,
                        weightDecay,
                        clip,
                        evaluateEvery,
                        evaluationWindows,
                        checkpointEvery,
                        seed));
    }

    // What the saved run says, if no option that was given says otherwise.
    private Config agreed(Config saved) {
        Config given = asked().toConfig();
        for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
            String key = option.longestName().substring(2);
            boolean differs = !String.valueOf(given.get(key)).equals(String.valueOf(saved.get(key)));
            if (given.keys().contains(key) && differs) {
                throw new ConfigException(
                        key
                                + ": "
                                + given.get(key)
                                + " was asked for, the run in '"
                                + out
                                + "' has "
                                + saved.get(key)
                                + "; leave the option out or start a new run with another --out");
            }
        }
        return saved;
    }
}
