package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.Mlp;
import dev.heddle.positional.Learned;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Bad input is refused at the door, with a message that says what would work.
class DecoderStackRefusalTest {
    private static DecoderStackBuilder complete() {
        return DecoderStack.builder()
                .vocabulary(13)
                .width(12)
                .depth(2)
                .mixer(Attention.multiHead(3))
                .feedForward(Mlp.hidden(20))
                .position(Learned.max(7));
    }

    private static void assertRefused(DecoderStackBuilder builder, String message) {
        assertThatThrownBy(() -> builder.build(Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aMissingChoice() {
        assertRefused(DecoderStack.builder().width(12).depth(2), "vocabulary is not set");
        assertRefused(DecoderStack.builder().vocabulary(13).width(12).depth(2), "no mixer was chosen");
        assertRefused(
                DecoderStack.builder().vocabulary(13).width(12).depth(2).mixer(Attention.multiHead(3)),
                "no feed-forward layer was chosen");
    }

    @Test
    void nonsenseSizes() {
        assertRefused(complete().vocabulary(-1), "vocabulary is -1");
        assertRefused(complete().width(0), "width is not set");
        assertRefused(complete().depth(-3), "depth is -3");
        assertRefused(complete().maxLength(0), "maximum length is not set");
        assertRefused(complete().dropout(1), "outside [0, 1)");
        assertRefused(complete().vocabulary(1 << 30).width(1 << 20), "more than a table can hold");
        assertRefused(complete().width(14), "heads");
    }

    @Test
    void aPartOfNoAxis() {
        assertThatThrownBy(() -> complete().with(new StackPart() {}))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("no choice on an axis");
    }

    @Test
    void tokensOutsideTheVocabulary() {
        DecoderStack model = complete().build(Seed.of(1));
        assertThatThrownBy(() -> model.forward(Tensor.of(new int[] {1, 13}, 1, 2)))
                .isInstanceOf(InputException.class)
                .hasMessage("token: 13 is outside the table of 13; use 0..12");
        assertThatThrownBy(() -> model.forward(Tensor.of(new int[] {-1}, 1, 1))).isInstanceOf(InputException.class);
    }

    @Test
    void tokensOfAnotherShapeOrType() {
        DecoderStack model = complete().build(Seed.of(1));
        assertThatThrownBy(() -> model.forward(Tensor.of(new int[] {1}, 1))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> model.forward(Tensor.zeros(DType.F32, 1, 2))).isInstanceOf(ShapeException.class);
    }

    @Test
    void aSequenceLongerThanThePositionTable() {
        DecoderStack model = complete().build(Seed.of(1));
        assertThatThrownBy(() -> model.forward(Tensor.zeros(DType.I32, 1, 8)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("8 tokens, this model takes at most 7");
        DecodeState full = model.advance(Tensor.zeros(DType.I32, 1, 7), model.start(1, 7)).state();
        assertThatThrownBy(() -> model.advance(Tensor.zeros(DType.I32, 1, 1), full)).isInstanceOf(InputException.class);
    }

    @Test
    void aStateOfAnotherModelOrBatch() {
        DecoderStack model = complete().build(Seed.of(1));
        DecoderStack other = complete().build(Seed.of(1));
        assertThatThrownBy(() -> model.advance(Tensor.zeros(DType.I32, 1, 1), other.start(1, 4)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("made by another model");
        assertThatThrownBy(() -> model.advance(Tensor.zeros(DType.I32, 2, 1), model.start(1, 4)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("batch must stay the same");
        assertThatThrownBy(() -> model.start(0, 4)).isInstanceOf(InputException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "activation, swosh, activation",
        "norm, batch, norm",
        "norm_placement, middle, norm_placement",
        "position, sideways, position",
        "aktivation, gelu, activation"
    })
    void anUnknownSettingOfAPreset(String key, String value, String named) {
        Config config =
                Config.parse("{\"vocab_size\": 13, \"dim\": 12, \"heads\": 3, \"depth\": 1, \"max_seq_len\": 7}")
                        .with(key, value);
        assertThatThrownBy(() -> GptDecoder.of(config)).isInstanceOf(ConfigException.class).hasMessageContaining(named);
    }

    @ParameterizedTest
    @CsvSource({"heads, 5", "kv_heads, 5", "heads, 12", "kv_heads, 0", "ffn_dim, 0", "rope_theta, 0.5", "rms_eps, -1"})
    void sizesThatDoNotFitALlama(String key, double value) {
        Config config =
                Config.parse(
                                "{\"vocab_size\": 13, \"dim\": 12, \"heads\": 6, \"kv_heads\": 3, \"depth\": 1, \"ffn_dim\": 7}")
                        .with(key, value);
        assertThatThrownBy(() -> LlamaDecoder.of(config).build(Seed.of(1))).isInstanceOf(HeddleException.class);
    }

    @Test
    void anUnknownRotaryLayout() {
        Config config =
                Config.parse("{\"vocab_size\": 13, \"dim\": 12, \"heads\": 6, \"depth\": 1, \"ffn_dim\": 7}")
                        .with("rope_layout", "spiral");
        assertThatThrownBy(() -> LlamaDecoder.of(config))
                .isInstanceOf(ConfigException.class)
                .hasMessage("rope_layout: 'spiral' is not known; use half or interleaved");
    }
}
