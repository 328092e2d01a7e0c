package dev.heddle.mlp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.LinkedHashMap;
import java.util.Map;

class MlpLawTest {
    private static final int WIDTH = 5;
    private static final int HIDDEN = 11;

    private final Tensor x = Tensors.random("x", 2, 3, WIDTH);
    private final Map<String, Tensor> weights =
            Map.of(
                    "fc1.weight", Tensors.random("w1", HIDDEN, WIDTH),
                    "fc1.bias", Tensors.random("b1", HIDDEN),
                    "fc2.weight", Tensors.random("w2", WIDTH, HIDDEN),
                    "fc2.bias", Tensors.random("b2", WIDTH));

    private static Mlp mlp(Activation activation, Map<String, Tensor> weights) {
        Mlp mlp = Mlp.hidden(HIDDEN).activation(activation).create(WIDTH, 1, Seed.of(1));
        mlp.bind(weights);
        return mlp;
    }

    private Map<String, Tensor> scaled(double first, double last) {
        Map<String, Tensor> scaled = new LinkedHashMap<>(weights);
        scaled.computeIfPresent("fc1.weight", (name, w) -> Arithmetic.scale(w, first));
        scaled.computeIfPresent("fc1.bias", (name, b) -> Arithmetic.scale(b, first));
        scaled.computeIfPresent("fc2.weight", (name, w) -> Arithmetic.scale(w, last));
        return scaled;
    }

    @Test
    void identityActivationIsOneLinearLayer() {
        Tensor joined = MatMul.product(weights.get("fc2.weight"), weights.get("fc1.weight"));
        Tensor bias =
                Layout.reshape(
                        MatMul.linear(
                                Layout.reshape(weights.get("fc1.bias"), 1, HIDDEN),
                                weights.get("fc2.weight"),
                                weights.get("fc2.bias")),
                        WIDTH);
        assertThat(Tensors.difference(mlp(Activation.IDENTITY, weights).forward(x), MatMul.linear(x, joined, bias)))
                .isLessThan(1e-12);
    }

    @Test
    void reluIsPositivelyHomogeneous() {
        Tensor y = mlp(Activation.RELU, weights).forward(x);
        assertThat(Tensors.difference(mlp(Activation.RELU, scaled(3, 1 / 3.0)).forward(x), y)).isLessThan(1e-12);
    }

    @Test
    void squaredReluIsHomogeneousOfDegreeTwo() {
        Tensor y = mlp(Activation.RELU2, weights).forward(x);
        assertThat(Tensors.difference(mlp(Activation.RELU2, scaled(3, 1 / 9.0)).forward(x), y)).isLessThan(1e-12);
    }

    @Test
    void tokensDoNotSeeEachOther() {
        Mlp mlp = mlp(Activation.GELU, weights);
        Tensor all = mlp.forward(x);
        for (int n = 0; n < 3; n++) {
            Tensor alone = mlp.forward(Layout.slice(x, 1, n, n + 1));
            assertThat(Tensors.difference(alone, Layout.slice(all, 1, n, n + 1))).isLessThan(1e-14);
        }
    }

    @Test
    void theTwoGelusDifferByWhatTheyShouldAndNoMore() {
        double[] grid = new double[80_001];
        for (int i = 0; i < grid.length; i++) {
            grid[i] = i * 1e-4 - 4;
        }
        Tensor points = Tensor.of(grid, grid.length);
        double mixUp =
                Tensors.difference(
                        Activations.activate(Activation.GELU, points),
                        Activations.activate(Activation.GELU_TANH, points));
        assertThat(mixUp).isBetween(4.7e-4, 4.8e-4);
    }

    /// A linear layer that cannot fuse, so that `Mlp` takes the separate path.
    private static final class Separate extends Linear {
        private final Parameter weight;
        private final Parameter bias;

        Separate(int inputs, int outputs, boolean bias, Initialiser initialiser, Seed seed) {
            this.weight = parameter("weight", Tensor.zeros(DType.F32, outputs, inputs));
            this.bias = parameter("bias", Tensor.zeros(DType.F32, outputs));
        }

        @Override
        public Tensor forward(Tensor x) {
            return MatMul.linear(x, weight.value(), bias.value());
        }

        @Override
        public int inputs() {
            return weight.value().dim(1);
        }

        @Override
        public int outputs() {
            return weight.value().dim(0);
        }

        @Override
        public long multiplyAdds() {
            return weight.value().elements();
        }
    }

    @ParameterizedTest
    @EnumSource
    void fusedBiasAndActivationEqualSeparateOnesForwardAndBackward(Activation activation) {
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        weights.forEach((name, weight) -> leaves.put(name, Autograd.variable(weight)));
        Tensor input = Autograd.variable(x);
        Mlp fused = mlp(activation, leaves);
        Mlp separate = Mlp.hidden(HIDDEN).activation(activation).linear(Separate::new).create(WIDTH, 1, Seed.of(1));
        separate.bind(leaves);
        Tensor y = fused.forward(input);
        Tensor expected = separate.forward(input);
        assertThat(Tensors.difference(y, expected)).isLessThan(1e-14);
        Tensor cotangent = Tensors.random("dy", 2, 3, WIDTH);
        Gradients gradients = Autograd.gradients(y, cotangent);
        Gradients expectedGradients = Autograd.gradients(expected, cotangent);
        leaves.put("x", input);
        leaves.forEach(
                (name, leaf) ->
                        assertThat(Tensors.difference(gradients.of(leaf), expectedGradients.of(leaf)))
                                .as(name)
                                .isLessThan(1e-13));
    }

    @Test
    void theInnerNormSitsBeforeTheLastLayer() {
        Mlp mlp =
                Mlp.hidden(HIDDEN)
                        .innerNorm(width -> new LayerNorm(width, 1e-5, true, true))
                        .create(WIDTH, 1, Seed.of(1));
        assertThat(mlp.parameters().keySet())
                .containsExactly(
                        "fc1.weight", "fc1.bias", "ffn_norm.weight", "ffn_norm.bias", "fc2.weight", "fc2.bias");
        Map<String, Tensor> normed = new LinkedHashMap<>(weights);
        normed.put("ffn_norm.weight", Tensors.random("g", HIDDEN));
        normed.put("ffn_norm.bias", Tensors.random("b", HIDDEN));
        mlp.bind(normed);
        LayerNorm norm = new LayerNorm(HIDDEN, 1e-5, true, true);
        norm.bind(Map.of("weight", normed.get("ffn_norm.weight"), "bias", normed.get("ffn_norm.bias")));
        Tensor expected =
                MatMul.linear(norm.forward(mlp.hiddenOf(x)), weights.get("fc2.weight"), weights.get("fc2.bias"));
        assertThat(Tensors.difference(mlp.forward(x), expected)).isLessThan(1e-13);
    }

    @Test
    void theResidualScaleIsOnTheLastLayerOnly() {
        Mlp plain = Mlp.hidden(HIDDEN).create(WIDTH, 1, Seed.of(4));
        Mlp scaled = Mlp.hidden(HIDDEN).create(WIDTH, 0.5, Seed.of(4));
        Tensor half = Arithmetic.scale(plain.parameters().get("fc2.weight").value(), 0.5);
        assertThat(Tensors.difference(scaled.parameters().get("fc2.weight").value(), half)).isZero();
        assertThat(
                        Tensors.difference(
                                scaled.parameters().get("fc1.weight").value(),
                                plain.parameters().get("fc1.weight").value()))
                .isZero();
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> mlp(Activation.GELU, weights).forward(Tensors.random("x", 2, WIDTH + 1)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("[2, 6]");
        assertThatThrownBy(() -> Mlp.hidden(0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("hidden_dim: 0");
    }
}
