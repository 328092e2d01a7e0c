package dev.heddle.models;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

/// How to build a model again: the name of a layout and its configuration. What a checkpoint keeps.
///
/// @param id `gpt-decoder`, `llama-decoder` or `decoder-stack`
/// @param config see [GptDecoder], [LlamaDecoder], [StackConfig]
public record Recipe(String id, Config config) {
    /// Builds the model.
    ///
    /// @throws ConfigException if the layout is not known or the configuration makes no sense
    public DecoderStack build(Seed seed) {
        return switch (id) {
            case GptDecoder.ID -> GptDecoder.of(config).build(seed);
            case LlamaDecoder.ID -> LlamaDecoder.of(config).build(seed);
            case StackConfig.ID -> StackConfig.of(config).build(seed);
            default ->
                    throw new ConfigException(
                            "recipe: '"
                                    + id
                                    + "' is not known; use "
                                    + String.join(", ", GptDecoder.ID, LlamaDecoder.ID, StackConfig.ID));
        };
    }
}
