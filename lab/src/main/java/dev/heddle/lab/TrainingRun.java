package dev.heddle.lab;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.lab.training.ModelSizes;
import dev.heddle.lab.training.TrainingSettings;
import dev.heddle.models.GptDecoder;
import dev.heddle.models.LlamaDecoder;
import dev.heddle.models.Recipe;
import dev.heddle.models.StackConfig;

import java.util.List;
import java.util.Locale;

/// What `heddle train` trains, on what and how: all that is needed to continue it. Keys of its configuration are named
/// as the options.
///
/// @param preset the layout
/// @param variants catalogue lines that replace choices of the layout `stack`
/// @param corpus name or file
/// @param width model width
/// @param depth blocks
/// @param heads query heads
/// @param dropout probability, in training only
/// @param settings of the training
record TrainingRun(
        Preset preset,
        List<String> variants,
        String corpus,
        int width,
        int depth,
        int heads,
        double dropout,
        TrainingSettings settings) {
    private static final double EPS = 1e-5;
    private static final double ROPE_BASE = 10_000;

    /// Layouts to choose from.
    enum Preset {
        /// GPT-2's.
        GPT,
        /// Llama's.
        LLAMA,
        /// Llama's with any choice replaced by variants, and dropout.
        STACK
    }

    TrainingRun {
        variants = List.copyOf(variants);
        if (preset != Preset.STACK && !variants.isEmpty()) {
            throw new ConfigException(
                    "variant: the preset '" + id(preset) + "' has no choices to replace; use --preset stack");
        }
        if (preset == Preset.LLAMA && dropout != 0) {
            throw new ConfigException("dropout: the preset 'llama' has none; use --preset stack or gpt, or 0");
        }
        new ModelSizes(width, depth, heads).requireMemory(settings);
    }

    private static String id(Preset preset) {
        return preset.name().toLowerCase(Locale.ROOT);
    }

    /// How to build the model for a vocabulary.
    Recipe recipe(int vocabulary) {
        int context = settings.context();
        return switch (preset) {
            case GPT ->
                    new GptDecoder(
                                    vocabulary,
                                    width,
                                    heads,
                                    depth,
                                    context,
                                    4 * width,
                                    false,
                                    Activation.GELU,
                                    EPS,
                                    true,
                                    dropout)
                            .recipe();
            case LLAMA ->
                    new LlamaDecoder(
                                    vocabulary,
                                    width,
                                    heads,
                                    heads,
                                    depth,
                                    context,
                                    gatedWidth(width),
                                    false,
                                    Activation.SILU,
                                    EPS,
                                    ROPE_BASE,
                                    LlamaDecoder.RopeLayout.INTERLEAVED,
                                    true)
                            .recipe();
            case STACK ->
                    new StackConfig(vocabulary, width, heads, depth, context, gatedWidth(width), dropout, variants)
                            .recipe();
        };
    }

    /// The width at which a gated layer has as many weights as a plain one of four times the model width, rounded up to
    /// a multiple of 8.
    static int gatedWidth(int width) {
        return (8 * width / 3 + 7) / 8 * 8;
    }

    Config toConfig() {
        return Config.empty()
                .with("preset", id(preset))
                .with("variant", variants)
                .with("corpus", corpus)
                .with("width", width)
                .with("depth", depth)
                .with("heads", heads)
                .with("dropout", dropout)
                .with("context", settings.context())
                .with("batch", settings.batch())
                .with("steps", settings.steps())
                .with("lr", settings.learningRate())
                .with("min-lr", settings.minimumRate())
                .with("warmup", settings.warmup())
                .with("weight-decay", settings.weightDecay())
                .with("clip", settings.clip())
                .with("eval-every", settings.evaluateEvery())
                .with("eval-windows", settings.evaluationWindows())
                .with("checkpoint-every", settings.checkpointEvery())
                .with("seed", Long.toString(settings.seed()));
    }

    /// @throws ConfigException if a setting is missing or out of range
    static TrainingRun of(Config config) {
        return new TrainingRun(
                preset(config.text("preset")),
                config.list("variant").stream().map(String::valueOf).toList(),
                config.text("corpus"),
                config.integer("width"),
                config.integer("depth"),
                config.integer("heads"),
                config.number("dropout"),
                new TrainingSettings(
                        config.integer("context"),
                        config.integer("batch"),
                        config.integer("steps"),
                        config.number("lr"),
                        config.number("min-lr"),
                        config.integer("warmup"),
                        config.number("weight-decay"),
                        config.number("clip"),
                        config.integer("eval-every"),
                        config.integer("eval-windows"),
                        config.integer("checkpoint-every"),
                        seed(config.text("seed"))));
    }

    private static Preset preset(String id) {
        for (Preset preset : Preset.values()) {
            if (id(preset).equals(id)) {
                return preset;
            }
        }
        throw new ConfigException("preset: '" + id + "' is not known; use gpt, llama or stack");
    }

    private static long seed(String text) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new ConfigException("seed: '" + text + "' is not a whole number", e);
        }
    }
}
