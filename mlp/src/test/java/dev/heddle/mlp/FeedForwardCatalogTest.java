package dev.heddle.mlp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Map;

class FeedForwardCatalogTest {
    private static final Catalog CATALOG = Catalog.load();

    private static Subject build(String variant, String json) {
        return CATALOG.variant(variant).build(Config.parse(json), Seed.of(5));
    }

    @Test
    void gatedUnitsOfAStackHaveAsManyParametersAsTheMlp() {
        StackSizes sizes = new StackSizes(96, 4, 32);
        FeedForward mlp = ((FeedForward.Factory) CATALOG.variant("mlp").part(sizes)).create(96, 1, Seed.of(1));
        FeedForward glu = ((FeedForward.Factory) CATALOG.variant("glu").part(sizes)).create(96, 1, Seed.of(1));
        assertThat(glu.multiplyAdds()).isEqualTo(mlp.multiplyAdds());
    }

    @Test
    void activationCurvesGoByTheirNamesAndStayFinite() {
        Subject curves = build("mlp", "{\"activations\": [\"silu\", \"gelu_tanh\"]}");
        Tensor x = Tensor.of(new double[] {-40, 0, 1, 40}, 4);
        Map<String, Tensor> outputs = curves.run(Map.of("x", x), Form.PARALLEL);
        assertThat(outputs.keySet()).containsExactly("silu", "d_silu", "gelu_tanh", "d_gelu_tanh");
        assertThat(outputs.get("silu").at(0)).isCloseTo(0, within(1e-15));
        assertThat(outputs.get("silu").at(3)).isEqualTo(40);
        assertThat(outputs.get("d_silu").at(1)).isEqualTo(0.5);
        assertThat(outputs.get("d_gelu_tanh").at(3)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    mlp | {}                                     | dim
                    mlp | {"dim": 0}                             | dim: 0
                    mlp | {"dim": 4, "hidden_dim": 0}            | hidden_dim: 0
                    mlp | {"dim": 4, "activation": "swish"}      | silu
                    mlp | {"dim": 4, "inner_norm": "batch"}      | layer or rms
                    mlp | {"dim": 4, "hidden": 3}                | hidden_dim
                    mlp | {"activations": []}                    | empty
                    mlp | {"activations": ["gelu", 3]}           | '3'
                    glu | {"dim": -1}                            | dim: -1
                    glu | {"dim": 4, "hidden_dim": -3}           | hidden_dim: -3
                    glu | {"dim": 4, "kind": "gelu"}             | geglu
                    """)
    void aConfigThatMakesNoSenseIsRefused(String variant, String json, String word) {
        assertThatThrownBy(() -> build(variant, json)).isInstanceOf(HeddleException.class).hasMessageContaining(word);
    }

    @Test
    void anInputOfAnotherWidthIsRefused() {
        Subject glu = build("glu", "{\"dim\": 4}");
        assertThatThrownBy(() -> glu.run(Map.of("x", Tensor.zeros(DType.F32, 2, 3)), Form.PARALLEL))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("[2, 3]");
        assertThatThrownBy(() -> glu.run(Map.of(), Form.PARALLEL)).hasMessageContaining("input x: missing");
    }
}
