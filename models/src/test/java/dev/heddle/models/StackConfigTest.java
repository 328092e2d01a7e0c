package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;

/// Positions in the stack that variants are compared in.
class StackConfigTest {
    private static StackConfig stack(String... variants) {
        return new StackConfig(13, 24, 4, 2, 16, 20, 0, List.of(variants));
    }

    @ParameterizedTest
    @CsvSource({
        "mha, rope",
        "local, rope",
        "longformer, rope",
        "longnet-dilated, rope",
        "t-dmca, sinusoidal",
        "reformer, rope",
        "mla, own position",
        "dcmha, own position",
        "longformer+learned, learned",
        "longformer+sinusoidal, sinusoidal",
        "dcmha+rope, rope",
        "local+nope, nope",
        "mla+learned, learned"
    })
    void everyMixerGetsThePositionThatItTakes(String names, String position) {
        StackConfig stack = stack(names.split("\\+"));
        assertThat(stack.choices()).containsEntry("position", position);
        assertThat(stack.build(Seed.of(1)).forward(tokens(1, 2, 3)).shape().toArray()).containsExactly(1, 3, 13);
    }

    @Test
    void theUsualPositionIsThatOfTheCatalogue() {
        assertSameOutputs(stack("rope"), stack());
        assertSameOutputs(stack("longformer", "rope"), stack("longformer"));
        assertSameOutputs(stack("t-dmca", "sinusoidal"), stack("t-dmca"));
    }

    private static void assertSameOutputs(StackConfig a, StackConfig b) {
        Tensor text = tokens(5, 2, 2, 9, 1);
        float[] expected = a.build(Seed.of(3)).forward(text).toFloats();
        assertThat(b.build(Seed.of(3)).forward(text).toFloats()).containsExactly(expected);
    }

    // Without positions the last token of the first block would see the same set either way.
    @ParameterizedTest
    @ValueSource(strings = {"longformer", "longnet-dilated", "t-dmca", "reformer", "mla", "dcmha"})
    void theOrderOfEarlierTokensMatters(String id) {
        StackConfig one = new StackConfig(13, 24, 4, 1, 16, 20, 0, List.of(id));
        DecoderStack model = one.build(Seed.of(1));
        assertThat(model.last(tokens(3, 5, 7, 9)).toFloats()).isNotEqualTo(model.last(tokens(5, 3, 7, 9)).toFloats());
    }

    private static Tensor tokens(int... ids) {
        return Tensor.of(ids, 1, ids.length);
    }

    @ParameterizedTest
    @CsvSource({
        "mqa, local, mixer",
        "mlp, glu, feed-forward layer",
        "learned, alibi, position",
        "rope, rope, position"
    })
    void twoChoicesOnOneAxisAreRefused(String one, String other, String axis) {
        assertThatThrownBy(() -> stack(one, other).build(Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessage("variants: '" + one + "' and '" + other + "' are both the " + axis + "; use one of them");
    }

    @Test
    void whatCannotRotateSaysSo() {
        assertThatThrownBy(() -> stack("t-dmca", "rope").build(Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("the mixer takes no position on its queries and keys");
        assertThatThrownBy(() -> stack("longformer", "alibi").build(Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("the mixer takes no position on its scores");
    }
}
