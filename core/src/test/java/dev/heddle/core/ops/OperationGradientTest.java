package dev.heddle.core.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.kernel.Activation;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/// Every operation's backward pass against central differences, in double.
class OperationGradientTest {
    private static final double STEP = 1e-5;

    private record Case(String name, List<Tensor> inputs, Function<List<Tensor>, Tensor> operation) {}

    @TestFactory
    Stream<DynamicTest> backwardEqualsCentralDifferences() {
        Tensor index = Tensor.of(new int[] {2, 0, 2, 4}, 2, 2);
        Tensor targets = Tensor.of(new int[] {1, -100, 4}, 3);
        Tensor mask = Tensor.of(new boolean[] {true, false, true, false, false, false}, 2, 3);
        return Stream.of(
                        new Case(
                                "subtract",
                                List.of(random(2, 3), random(2, 1)),
                                x -> Arithmetic.subtract(x.get(0), x.get(1))),
                        new Case(
                                "divide",
                                List.of(random(2, 3), random(3)),
                                x -> Arithmetic.divide(x.get(0), Arithmetic.affine(x.get(1), 1, 5))),
                        new Case("exp", List.of(random(5)), x -> Arithmetic.exp(x.get(0))),
                        new Case("log", List.of(random(5)), x -> Arithmetic.log(Arithmetic.affine(x.get(0), 1, 4))),
                        new Case("sqrt", List.of(random(5)), x -> Arithmetic.sqrt(Arithmetic.affine(x.get(0), 1, 4))),
                        new Case("tanh", List.of(random(5)), x -> Arithmetic.tanh(x.get(0))),
                        new Case(
                                "product",
                                List.of(random(2, 3, 5), random(2, 5, 7)),
                                x -> MatMul.product(x.get(0), x.get(1))),
                        new Case(
                                "product with a shared factor",
                                List.of(random(2, 3, 5), random(5, 7)),
                                x -> MatMul.product(x.get(0), x.get(1))),
                        new Case(
                                "transposed product",
                                List.of(random(2, 3, 5), random(2, 7, 5)),
                                x -> MatMul.productTransposed(x.get(0), x.get(1))),
                        new Case(
                                "linear",
                                List.of(random(2, 3, 5), random(7, 5), random(7)),
                                x -> MatMul.linear(x.get(0), x.get(1), x.get(2))),
                        new Case(
                                "linear of one token",
                                List.of(random(1, 5), random(7, 5), random(7)),
                                x -> MatMul.linear(x.get(0), x.get(1), x.get(2))),
                        new Case(
                                "linear with gelu",
                                List.of(random(2, 3, 5), random(7, 5), random(7)),
                                x -> MatMul.linear(x.get(0), x.get(1), x.get(2), Activation.GELU)),
                        new Case(
                                "linear with silu, without bias",
                                List.of(random(1, 5), random(7, 5)),
                                x -> MatMul.linear(x.get(0), x.get(1), null, Activation.SILU)),
                        new Case(
                                "materialised attention of shared heads with a bias by distance and a dead row",
                                List.of(random(1, 3, 4, 5), random(1, 2, 2, 5), random(1, 2, 2, 3), random(4, 4)),
                                x ->
                                        MaterialisedAttention.attend(
                                                        x.get(0),
                                                        x.get(1),
                                                        x.get(2),
                                                        MaterialisedAttention.biasByPair(x.get(3), 3, 2),
                                                        MaterialisedAttention.causalMask(3, 2),
                                                        0.7)
                                                .y()),
                        new Case("softmax", List.of(random(3, 5)), x -> Softmax.softmax(x.get(0))),
                        new Case(
                                "masked softmax",
                                List.of(random(2, 3)),
                                x -> Softmax.softmax(Layout.fillWhere(x.get(0), mask, Double.NEGATIVE_INFINITY))),
                        new Case("log-sum-exp", List.of(random(3, 5)), x -> Softmax.logSumExp(x.get(0))),
                        new Case(
                                "layer norm",
                                List.of(random(3, 5), random(5), random(5)),
                                x -> Normalization.layerNorm(x.get(0), x.get(1), x.get(2), 1e-5)),
                        new Case(
                                "rms norm",
                                List.of(random(3, 5), random(5)),
                                x -> Normalization.rmsNorm(x.get(0), x.get(1), 1, 1e-5)),
                        new Case("gelu", List.of(random(7)), x -> Activations.activate(Activation.GELU, x.get(0))),
                        new Case(
                                "gated silu",
                                List.of(random(7), random(7)),
                                x -> Activations.gated(Activation.SILU, x.get(0), x.get(1))),
                        new Case(
                                "cross-entropy",
                                List.of(random(3, 5)),
                                x -> CrossEntropy.mean(x.get(0), targets, -100, 0.1)),
                        new Case("gather", List.of(random(5, 3)), x -> Gather.rows(x.get(0), index, "token")),
                        new Case(
                                "rotate",
                                List.of(random(2, 3, 2, 6)),
                                x -> Rotation.rotate(x.get(0), angles(true), angles(false), true)),
                        new Case("permute", List.of(random(2, 3, 5)), x -> Layout.permute(x.get(0), 1, 2, 0)),
                        new Case("transpose", List.of(random(2, 3, 5)), x -> Layout.transpose(x.get(0))),
                        new Case("slice", List.of(random(2, 5, 3)), x -> Layout.slice(x.get(0), 1, 1, 4)),
                        new Case(
                                "concatenate",
                                List.of(random(2, 2, 3), random(2, 1, 3)),
                                x -> Layout.concatenate(1, x.get(0), x.get(1))),
                        new Case("sum over an axis", List.of(random(2, 5, 3)), x -> Reduction.sum(x.get(0), 1)),
                        new Case(
                                "expand",
                                List.of(random(2, 1, 3)),
                                x -> Layout.expand(x.get(0), random(2, 5, 3).shape())))
                .map(c -> DynamicTest.dynamicTest(c.name, () -> check(c)));
    }

    private static void check(Case c) {
        List<Tensor> leaves = c.inputs.stream().map(Autograd::variable).toList();
        Tensor y = c.operation.apply(leaves);
        Tensor cotangent = random(y.shape().toArray());
        Gradients gradients = Autograd.gradients(y, cotangent);
        for (Tensor leaf : leaves) {
            Tensor gradient = gradients.of(leaf);
            for (int i = 0; i < leaf.elements(); i++) {
                double old = leaf.at(i);
                double up = weighted(c, leaves, leaf, i, old + STEP, cotangent);
                double down = weighted(c, leaves, leaf, i, old - STEP, cotangent);
                leaf.viewAt(i, Shape.of()).fill(old);
                assertThat(Math.abs(gradient.at(i) - (up - down) / (2 * STEP))).as("element %d", i).isLessThan(1e-8);
            }
        }
    }

    private static double weighted(Case c, List<Tensor> leaves, Tensor leaf, int i, double value, Tensor cotangent) {
        leaf.viewAt(i, Shape.of()).fill(value);
        return Reduction.sum(Arithmetic.multiply(c.operation.apply(leaves), cotangent)).item();
    }

    private static Tensor angles(boolean cosine) {
        double[] values = {0, 0.1, 1, 0.3, 2, 0.7};
        for (int i = 0; i < values.length; i++) {
            values[i] = cosine ? Math.cos(values[i]) : Math.sin(values[i]);
        }
        return Tensor.of(values, 3, 2);
    }

    private static Tensor random(int... sizes) {
        RandomGenerator random = Seed.of(Arrays.hashCode(sizes)).generator();
        Tensor tensor = Tensor.zeros(DType.F64, sizes);
        for (int i = 0; i < tensor.elements(); i++) {
            tensor.viewAt(i, Shape.of()).fill(random.nextDouble() * 2 - 1);
        }
        return tensor;
    }
}
