package dev.heddle.lab;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.file.AtomicFile;
import dev.heddle.core.tensor.Seed;
import dev.heddle.lab.compare.Provenance;
import dev.heddle.lab.corpus.Alphabet;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.corpus.TokenSplit;
import dev.heddle.lab.environment.Progress;
import dev.heddle.lab.training.History;
import dev.heddle.lab.training.Trainer;
import dev.heddle.lab.training.TrainingListener;
import dev.heddle.lab.training.TrainingState;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.Recipe;
import dev.heddle.models.checkpoint.Checkpoint;
import dev.heddle.models.tokenizer.CharacterTokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/// One training run and its files.
final class TrainingJob {
    /// All that the run carries from step to step.
    static final String STATE = "training.safetensors";

    private static final String MODEL = "model.safetensors";
    private static final String RESULTS = "results.json";
    private static final int LARGEST_ALPHABET = 256;

    private final TrainingRun run;
    private final Provenance provenance;
    private final Path directory;
    private final CharacterTokenizer tokenizer;
    private final TokenSplit tokens;
    private final Recipe recipe;
    private final DecoderStack model;

    TrainingJob(TrainingRun run, Corpus corpus, Provenance provenance, Path directory) {
        this.run = run;
        this.provenance = provenance;
        this.directory = directory;
        String text = Alphabet.limit(corpus.text(), LARGEST_ALPHABET);
        this.tokenizer = CharacterTokenizer.of(text);
        this.tokens = TokenSplit.of(tokenizer.encode(text), run.settings().context());
        this.recipe = run.recipe(tokenizer.vocabularySize());
        this.model = recipe.build(Seed.of(run.settings().seed()).split("model"));
    }

    /// Trains to the end and says how it went.
    ///
    /// @param config of the run, for the checkpoints
    /// @param continues true to go on from the checkpoint in the folder
    String train(Config config, boolean continues, boolean quiet) {
        try (Progress progress = Progress.of("train", run.settings().steps(), quiet)) {
            Trainer trainer = new Trainer(model, model::forward, tokens, run.settings(), new Files(config, progress));
            if (continues) {
                trainer.state().restore(directory.resolve(STATE));
            }
            return finish(trainer.run());
        }
    }

    private String finish(History history) {
        History.Point best = history.best().orElseThrow();
        History.Point last = history.evaluations().getLast();
        double speed = (double) run.settings().batch() * run.settings().context() / history.medianStepSeconds();
        Config results =
                Config.empty()
                        .with("parameters", model.parameterCount())
                        .with("validation_loss", last.loss())
                        .with("bits_per_character", last.loss() / Math.log(2))
                        .with("best_validation_loss", best.loss())
                        .with("best_step", best.step())
                        .with("training_seconds", history.trainingSeconds())
                        .with("training_tokens_per_second", speed)
                        .with("provenance", provenance.facts());
        write(directory.resolve(RESULTS), results.toJson() + "\n");
        return String.format(
                Locale.ROOT,
                """
                validation loss %.4f nats, %.4f bits a character after %,d steps (best %.4f after %,d)
                %,d parameters, %.1f s in updates, %,.0f tokens/s
                model: %s
                """,
                last.loss(),
                last.loss() / Math.log(2),
                last.step(),
                best.loss(),
                best.step(),
                model.parameterCount(),
                history.trainingSeconds(),
                speed,
                directory.resolve(MODEL));
    }

    private static void write(Path file, String text) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        AtomicFile.write(
                file,
                channel -> {
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                });
    }

    /// Saves what the run makes, when it is made.
    private final class Files implements TrainingListener {
        private final Config config;
        private final Progress progress;
        private final double tokensOfStep;
        private double validation = Double.NaN;
        private long last = System.nanoTime();
        private double speed;

        Files(Config config, Progress progress) {
            this.config = config;
            this.progress = progress;
            this.tokensOfStep = (double) run.settings().batch() * run.settings().context();
        }

        @Override
        public void onStep(int done, double loss) {
            long now = System.nanoTime();
            double current = tokensOfStep / ((now - last) * 1e-9);
            speed = speed == 0 ? current : 0.95 * speed + 0.05 * current;
            last = now;
            progress.show(done, loss, speed);
        }

        @Override
        public void onEvaluation(History.Point point, History history) {
            validation = point.loss();
            if (history.best().orElseThrow().equals(point)) {
                Config record =
                        Config.of(provenance.facts()).with("step", point.step()).with("validation_loss", validation);
                Checkpoint.of(recipe, model).tokenizer(tokenizer).provenance(record).save(directory.resolve(MODEL));
            }
        }

        @Override
        public void onCheckpoint(TrainingState state) {
            state.save(directory.resolve(STATE), config);
        }
    }
}
