package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

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
    void aLlamaGateTakesTheActivationOfAnyGatedUnit() {
        var config = LlamaDecoder.tiny(5).recipe().config();
        LlamaDecoder gemma = LlamaDecoder.of(config.with("activation", "gelu_tanh"));
        assertThat(gemma.activation()).isEqualTo(Activation.GELU_TANH);
        assertThat(LlamaDecoder.of(gemma.recipe().config())).isEqualTo(gemma);
        Tensor tokens = Tensor.of(new int[] {1, 2, 3}, 1, 3);
        assertThat(gemma.build(Seed.of(1)).forward(tokens).toDoubles())
                .isNotEqualTo(LlamaDecoder.tiny(5).build(Seed.of(1)).forward(tokens).toDoubles());
        LlamaDecoder squared = LlamaDecoder.of(config.with("activation", "relu2"));
        assertThatThrownBy(() -> squared.build(Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("'relu2'")
                .hasMessageContaining("silu");
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
