package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.tensor.Seed;

import org.junit.jupiter.api.Test;

import java.util.List;

/// Published sizes, by formula: nothing of that size is allocated.
class PresetTest {
    @Test
    void publishedModelsHaveTheirPublishedNumberOfParameters() {
        assertThat(GptDecoder.gpt2().parameters()).isEqualTo(124_439_808);
        assertThat(GptDecoder.nanoGptCpu(65).parameters()).isEqualTo(804_096);
        assertThat(LlamaDecoder.llama2().parameters()).isEqualTo(6_738_415_616L);
        assertThat(LlamaDecoder.tiny(65).parameters()).isEqualTo(800_000);
    }

    @Test
    void theFormulaCountsWhatIsThere() {
        var gpt = GptDecoder.nanoGptCpu(65);
        assertThat(gpt.build(Seed.of(1)).parameterCount()).isEqualTo(gpt.parameters());
        var llama = LlamaDecoder.tiny(65);
        assertThat(llama.build(Seed.of(1)).parameterCount()).isEqualTo(llama.parameters());
    }

    @Test
    void aRecipeRebuildsItsPreset() {
        for (Recipe recipe :
                List.of(
                        GptDecoder.nanoGptCpu(65).recipe(),
                        LlamaDecoder.tiny(65).recipe(),
                        new StackConfig(65, 24, 4, 2, 32, 40, 0, List.of()).recipe())) {
            DecoderStack model = recipe.build(Seed.of(1));
            assertThat(model.vocabulary()).isEqualTo(65);
        }
        assertThat(GptDecoder.of(GptDecoder.gpt2().recipe().config())).isEqualTo(GptDecoder.gpt2());
        assertThat(LlamaDecoder.of(LlamaDecoder.llama3().recipe().config())).isEqualTo(LlamaDecoder.llama3());
    }
}
