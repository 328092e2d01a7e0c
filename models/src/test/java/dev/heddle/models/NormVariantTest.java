package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;

import org.junit.jupiter.api.Test;

/// What the catalogue line `norms` means where a config leaves something out.
class NormVariantTest {
    private static Subject build(String json) {
        return Catalog.load().variant("norms").build(Config.parse(json), Seed.of(3));
    }

    private static double[] y(String json) {
        Subject blocks = build(json);
        return blocks.run(blocks.sampleInputs(1, 5, DType.F32, Seed.of(1)), Form.PARALLEL).get("y").toDoubles();
    }

    @Test
    void deepNormWithoutAlphaTakesThePapersConstantForItsDepth() {
        String three = "{\"dim\": 8, \"placement\": \"deepnorm\", \"layers\": 3";
        assertThat(y(three + "}")).isEqualTo(y(three + ", \"alpha\": " + Math.pow(6, 0.25) + "}"));
        assertThat(y(three + ", \"alpha\": null}")).isEqualTo(y(three + "}"));
        assertThat(y(three + "}")).isNotEqualTo(y(three + ", \"alpha\": 1.0}"));
    }

    @Test
    void aLayerNormAloneHasABiasUnlessToldOtherwise() {
        assertThat(build("{\"dim\": 8, \"kind\": \"layer\"}").module().parameters()).containsOnlyKeys("weight", "bias");
        assertThat(build("{\"dim\": 8, \"kind\": \"layer\", \"bias\": false}").module().parameters())
                .containsOnlyKeys("weight");
        assertThat(build("{\"dim\": 8, \"kind\": \"rms\"}").module().parameters()).containsOnlyKeys("weight");
        assertThat(build("{\"dim\": 8, \"kind\": \"layer\", \"affine\": false}").module().parameters()).isEmpty();
    }
}
