package dev.heddle.mlp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class GluLawTest {
    private static final int WIDTH = 5;
    private static final int HIDDEN = 7;

    private final Tensor x = Tensors.random("x", 2, 3, WIDTH);
    private final Tensor gate = Tensors.random("gate", HIDDEN, WIDTH);
    private final Tensor up = Tensors.random("up", HIDDEN, WIDTH);
    private final Tensor down = Tensors.random("down", WIDTH, HIDDEN);

    private Tensor forward(Glu.Kind kind, Tensor gateWeight, Tensor upWeight) {
        Glu glu = Glu.of(kind, HIDDEN).create(WIDTH, 1, Seed.of(1));
        glu.bind(Map.of("gate_proj.weight", gateWeight, "up_proj.weight", upWeight, "down_proj.weight", down));
        return glu.forward(x);
    }

    @ParameterizedTest
    @EnumSource
    void oneFusedWeightEqualsGateAndUp(Glu.Kind kind) {
        Tensor both = MatMul.linear(x, Layout.concatenate(0, gate, up), null);
        List<Tensor> halves = Layout.chunk(both, 2);
        Tensor expected = MatMul.linear(Activations.gated(kind.activation(), halves.get(0), halves.get(1)), down, null);
        assertThat(Tensors.difference(forward(kind, gate, up), expected)).isLessThan(1e-13);
    }

    @ParameterizedTest
    @EnumSource
    void gateAndUpAreInterchangeableForBilinearOnly(Glu.Kind kind) {
        double difference = Tensors.difference(forward(kind, gate, up), forward(kind, up, gate));
        if (kind == Glu.Kind.BILINEAR) {
            assertThat(difference).isLessThan(1e-13);
        } else {
            assertThat(difference).isGreaterThan(1e-3);
        }
    }

    @Test
    void swigluWithAConstantUpIsASiluMlp() {
        Tensor gateBias = Tensors.random("gb", HIDDEN);
        Tensor downBias = Tensors.random("db", WIDTH);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        weights.put("gate_proj.weight", gate);
        weights.put("gate_proj.bias", gateBias);
        weights.put("up_proj.weight", Tensor.zeros(DType.F64, HIDDEN, WIDTH));
        weights.put("up_proj.bias", Tensor.full(DType.F64, Shape.of(HIDDEN), 1));
        weights.put("down_proj.weight", down);
        weights.put("down_proj.bias", downBias);
        Glu glu = Glu.swiglu(HIDDEN).bias(true).create(WIDTH, 1, Seed.of(1));
        glu.bind(weights);
        Mlp mlp = Mlp.hidden(HIDDEN).activation(Activation.SILU).create(WIDTH, 1, Seed.of(1));
        mlp.bind(Map.of("fc1.weight", gate, "fc1.bias", gateBias, "fc2.weight", down, "fc2.bias", downBias));
        assertThat(Tensors.difference(glu.forward(x), mlp.forward(x))).isLessThan(1e-13);
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        assertThatThrownBy(() -> Glu.swiglu(0)).isInstanceOf(ConfigException.class).hasMessageContaining("hidden_dim");
        assertThatThrownBy(() -> Glu.Kind.of("swish"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("swiglu");
    }
}
