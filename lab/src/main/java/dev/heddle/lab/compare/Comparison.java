package dev.heddle.lab.compare;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.lab.corpus.Alphabet;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.corpus.TokenSplit;
import dev.heddle.lab.environment.Progress;
import dev.heddle.lab.training.History;
import dev.heddle.lab.training.ModelSizes;
import dev.heddle.lab.training.Trainer;
import dev.heddle.lab.training.TrainingListener;
import dev.heddle.lab.training.TrainingSettings;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.StackConfig;
import dev.heddle.models.tokenizer.CharacterTokenizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Trains variants one after the other in the same small stack, on the same batches, and measures them.
public final class Comparison {
    private static final int LARGEST_ALPHABET = 256;

    /// Seconds of reading and generating before speeds are measured, never more than the training took.
    private static final double WARM_UP = 3;

    /// As many for the first model, which meets the code of all that follow before the JVM has compiled it.
    private static final double FIRST_WARM_UP = 12;

    private final Options options;
    private final Corpus corpus;
    private final CharacterTokenizer tokenizer;
    private final TokenSplit tokens;
    private final List<Contender> contenders;

    /// What to compare.
    ///
    /// @param variants ids of the catalogue; `a+b` makes both choices at once
    /// @param width model width
    /// @param depth blocks
    /// @param heads query heads
    /// @param hidden width of the feed-forward layer
    /// @param settings of the training
    public record Options(
            List<String> variants, int width, int depth, int heads, int hidden, TrainingSettings settings) {
        /// @throws ConfigException if there are no variants, or a size is less than 1 or more than the machine can hold
        public Options {
            variants = variants.stream().distinct().toList();
            if (variants.isEmpty()) {
                throw new ConfigException("variants: none were given; name some, or leave the option out");
            }
            new ModelSizes(width, depth, heads).requireMemory(settings);
        }

        Config toConfig() {
            return Config.empty()
                    .with("variants", variants)
                    .with("width", width)
                    .with("depth", depth)
                    .with("heads", heads)
                    .with("feed-forward width", hidden)
                    .with("context", settings.context())
                    .with("batch", settings.batch())
                    .with("steps", settings.steps())
                    .with("learning rate", settings.learningRate())
                    .with("windows of evaluations on the way", settings.evaluationWindows())
                    .with("seed", settings.seed());
        }
    }

    /// Makes ready, so that whatever is wrong with the options is said before anything is trained.
    ///
    /// @throws dev.heddle.core.error.HeddleException if a variant is unknown or no choice of a stack, a size makes no
    ///     sense, or the corpus is too short
    public Comparison(Options options, Corpus corpus) {
        this.options = options;
        this.corpus = corpus;
        Catalog catalog = Catalog.load();
        this.contenders = options.variants().stream().map(name -> Contender.of(name, catalog)).toList();
        String text = Alphabet.limit(corpus.text(), LARGEST_ALPHABET);
        this.tokenizer = CharacterTokenizer.of(text);
        this.tokens = TokenSplit.of(tokenizer.encode(text), options.settings().context());
        for (Contender contender : contenders) {
            try (Scope _ = Scope.open()) {
                build(contender);
            }
        }
    }

    private DecoderStack build(Contender contender) {
        return stack(contender).build(Seed.of(options.settings().seed()).split("model"));
    }

    private StackConfig stack(Contender contender) {
        return new StackConfig(
                tokenizer.vocabularySize(),
                options.width(),
                options.heads(),
                options.depth(),
                options.settings().context(),
                options.hidden(),
                0,
                contender.ids());
    }

    /// Trains and measures.
    ///
    /// @param quiet true to show no progress
    public Report run(boolean quiet) {
        Provenance provenance = Provenance.now(corpus, options.toConfig());
        Map<String, VariantResult> byStack = new LinkedHashMap<>();
        List<VariantResult> results = new ArrayList<>();
        for (Contender contender : contenders) {
            String stack = String.join(" · ", stack(contender).choices().values());
            VariantResult result = byStack.get(stack);
            if (result == null) {
                result = measure(contender, stack, byStack.isEmpty() ? FIRST_WARM_UP : WARM_UP, quiet);
                byStack.put(stack, result);
            }
            results.add(result.named(contender.name(), contender.summary()));
        }
        return new Report(provenance, results);
    }

    // Everything of a variant lives in one scope, so that none pays for the memory of another.
    private VariantResult measure(Contender contender, String stack, double warmUp, boolean quiet) {
        try (Scope scope = Scope.open();
                Progress progress = Progress.of(contender.name(), options.settings().steps(), quiet)) {
            DecoderStack model = build(contender);
            Trainer trainer = new Trainer(model, model::forward, tokens, options.settings(), new Watcher(progress));
            History history = trainer.run();
            long peak = scope.peakBytes();
            double loss = history.evaluations().getLast().loss();
            SpeedTest speed = new SpeedTest(model, tokens.validation(), Math.min(warmUp, history.trainingSeconds()));
            int context = options.settings().context();
            List<LengthPoint> lengths = speed.atLengths(SpeedTest.lengthsWith(context));
            LengthPoint trained = lengths.stream().filter(p -> p.context() == context).findFirst().orElseThrow();
            Long cache = trained.cacheBytes();
            return new VariantResult(
                    contender.name(),
                    contender.summary(),
                    stack,
                    model.parameterCount(),
                    loss,
                    loss / Math.log(2),
                    tokensOfStep() / history.medianStepSeconds(),
                    trained.prefillTokensPerSecond(),
                    trained.decodeTokensPerSecond(),
                    cache == null ? null : (double) cache / context,
                    peak,
                    Pairs.of(model.scoredPairs(context), (long) options.depth() * options.heads(), context),
                    history.losses(),
                    history.evaluations(),
                    lengths);
        }
    }

    private double tokensOfStep() {
        return (double) options.settings().batch() * options.settings().context();
    }

    private final class Watcher implements TrainingListener {
        private final Progress progress;
        private final long start = System.nanoTime();

        Watcher(Progress progress) {
            this.progress = progress;
        }

        @Override
        public void onStep(int done, double loss) {
            progress.show(done, loss, done * tokensOfStep() / ((System.nanoTime() - start) * 1e-9));
        }
    }
}
