package dev.heddle.models.checkpoint;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.Recipe;
import dev.heddle.models.tokenizer.CharacterTokenizer;

import org.jspecify.annotations.Nullable;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// A model with all that is needed to build it again, in one safetensors file: recipe, parameters, and if given the
/// tokenizer, the optimiser's state and where the model comes from.
///
/// ```java
/// Checkpoint.of(preset.recipe(), model).tokenizer(characters).provenance(run).save(path);
/// DecoderStack same = Checkpoint.load(path).model();
/// ```
///
/// Metadata: `format`, `recipe`, `config` (JSON), `provenance` (JSON), `vocabulary`, `optimiser_steps`. Tensors:
/// `model.<parameter>`, `optimiser.m.<parameter>`, `optimiser.v.<parameter>`.
public final class Checkpoint {
    private static final String FORMAT = "heddle-model-1";
    private static final String MODEL = "model.";
    private static final String OPTIMISER = "optimiser.";

    private final Recipe recipe;
    private final DecoderStack model;
    private final @Nullable CharacterTokenizer tokenizer;
    private final Config provenance;
    private final Map<String, Tensor> moments;
    private final long optimiserSteps;

    private Checkpoint(
            Recipe recipe,
            DecoderStack model,
            @Nullable CharacterTokenizer tokenizer,
            Config provenance,
            Map<String, Tensor> moments,
            long optimiserSteps) {
        this.recipe = recipe;
        this.model = model;
        this.tokenizer = tokenizer;
        this.provenance = provenance;
        this.moments = moments;
        this.optimiserSteps = optimiserSteps;
    }

    /// A model and how to build it.
    public static Checkpoint of(Recipe recipe, DecoderStack model) {
        return new Checkpoint(recipe, model, null, Config.empty(), Map.of(), 0);
    }

    /// With the tokenizer that the model was trained with.
    public Checkpoint tokenizer(CharacterTokenizer characters) {
        return new Checkpoint(recipe, model, characters, provenance, moments, optimiserSteps);
    }

    /// With a record of where the model comes from: seed, corpus and its hash, version, machine.
    public Checkpoint provenance(Config record) {
        return new Checkpoint(recipe, model, tokenizer, record, moments, optimiserSteps);
    }

    /// With the optimiser's state as it is when the file is written.
    public Checkpoint optimiser(AdamW optimiser) {
        return new Checkpoint(recipe, model, tokenizer, provenance, optimiser.state(), optimiser.steps());
    }

    public Recipe recipe() {
        return recipe;
    }

    public DecoderStack model() {
        return model;
    }

    public Optional<CharacterTokenizer> tokenizer() {
        return Optional.ofNullable(tokenizer);
    }

    public Config provenance() {
        return provenance;
    }

    /// Continues with the saved state.
    ///
    /// @throws ConfigException if there is none, or it is that of another model
    public void restore(AdamW optimiser) {
        if (moments.isEmpty()) {
            throw new ConfigException("checkpoint: it holds no optimiser state; train from the start or use another");
        }
        optimiser.restore(moments, optimiserSteps);
    }

    /// Writes the file, replacing an old one whole or not at all.
    ///
    /// @throws HeddleException if it cannot be written (disk full, say); the old file is intact
    public void save(Path path) {
        SafetensorsWriter file =
                new SafetensorsWriter()
                        .metadata("format", FORMAT)
                        .metadata("recipe", recipe.id())
                        .metadata("config", recipe.config().toJson())
                        .metadata("provenance", provenance.toJson());
        if (tokenizer != null) {
            file.metadata("vocabulary", tokenizer.vocabulary());
        }
        model.parameters().forEach((name, parameter) -> file.add(MODEL + name, parameter.value()));
        if (!moments.isEmpty()) {
            file.metadata("optimiser_steps", Long.toString(optimiserSteps));
            moments.forEach((name, moment) -> file.add(OPTIMISER + name, moment));
        }
        file.write(path);
    }

    /// Reads a file and builds the model.
    ///
    /// @throws FileFormatException if the file is absent, damaged or no checkpoint, or its recipe and its tensors do not
    ///     fit together
    public static Checkpoint load(Path path) {
        try (Safetensors file = Safetensors.open(path)) {
            if (!FORMAT.equals(file.metadata().get("format"))) {
                throw new FileFormatException(
                        path + ": is not a model checkpoint of this version; give a file that Heddle wrote");
            }
            return read(file);
        } catch (ConfigException | ShapeException e) {
            throw new FileFormatException(
                    path
                            + ": the recipe and the tensors are not those of one model ("
                            + e.getMessage()
                            + "); write the file again",
                    e);
        }
    }

    private static Checkpoint read(Safetensors file) {
        var recipe = new Recipe(metadata(file, "recipe"), Config.parse(metadata(file, "config")));
        RecipeSizes.check(recipe.config(), file, MODEL);
        Map<String, Tensor> weights = section(file, MODEL);
        DecoderStack model = recipe.build(Seed.of(0));
        model.convert(weights.values().stream().findFirst().map(Tensor::dtype).orElse(DType.F32));
        model.load(weights);
        String vocabulary = file.metadata().get("vocabulary");
        CharacterTokenizer tokenizer = vocabulary == null ? null : CharacterTokenizer.ofVocabulary(vocabulary);
        if (tokenizer != null && tokenizer.vocabularySize() != model.vocabulary()) {
            throw new ConfigException(
                    "vocabulary: "
                            + tokenizer.vocabularySize()
                            + " characters, the model has "
                            + model.vocabulary()
                            + " tokens");
        }
        return new Checkpoint(
                recipe,
                model,
                tokenizer,
                Config.parse(file.metadata().getOrDefault("provenance", "{}")),
                section(file, OPTIMISER),
                steps(file));
    }

    private static String metadata(Safetensors file, String key) {
        String value = file.metadata().get(key);
        if (value == null) {
            throw new ConfigException("metadata: '" + key + "' is missing");
        }
        return value;
    }

    private static long steps(Safetensors file) {
        String text = file.metadata().getOrDefault("optimiser_steps", "0");
        try {
            return Long.parseUnsignedLong(text);
        } catch (NumberFormatException e) {
            throw new ConfigException("metadata: 'optimiser_steps' is '" + text + "', not a number", e);
        }
    }

    private static Map<String, Tensor> section(Safetensors file, String prefix) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : file.entries().keySet()) {
            if (name.startsWith(prefix)) {
                tensors.put(name.substring(prefix.length()), file.tensor(name));
            }
        }
        return tensors;
    }
}
