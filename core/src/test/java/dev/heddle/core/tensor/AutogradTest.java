package dev.heddle.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.Reduction;

import org.junit.jupiter.api.Test;

class AutogradTest {
    @Test
    void aTensorUsedTwiceGetsTheSumOfBothGradients() {
        Tensor x = Autograd.variable(Tensor.of(new double[] {2, 3}, 2));
        Tensor loss = Reduction.sum(Arithmetic.add(Arithmetic.multiply(x, x), Arithmetic.multiply(x, x)));
        assertThat(Autograd.gradients(loss).of(x).toDoubles()).containsExactly(8, 12);
    }

    @Test
    void anUnusedLeafHasZeroGradient() {
        Tensor x = Autograd.variable(Tensor.of(new double[] {2, 3}, 2));
        Tensor unused = Autograd.variable(Tensor.of(new double[] {1}, 1));
        assertThat(Autograd.gradients(Reduction.sum(x)).of(unused).toDoubles()).containsExactly(0);
    }

    @Test
    void broadcastOperandsGetSummedGradients() {
        Tensor a = Autograd.variable(Tensor.of(new double[] {1, 2, 3, 4, 5, 6}, 2, 3));
        Tensor column = Autograd.variable(Tensor.of(new double[] {10, 20}, 2, 1));
        Tensor row = Autograd.variable(Tensor.of(new double[] {1, 1, 2}, 3));
        Tensor y = Arithmetic.multiply(Arithmetic.add(a, column), row);
        Gradients gradients = Autograd.gradients(Reduction.sum(y));
        assertThat(gradients.of(column).toDoubles()).containsExactly(4, 4);
        assertThat(gradients.of(row).toDoubles()).containsExactly(11 + 24, 12 + 25, 13 + 26);
    }

    @Test
    void expandingToTheSameShapeLeavesALeafALeaf() {
        Tensor x = Autograd.variable(Tensor.of(new double[] {2, 3}, 1, 2));
        Tensor loss = Reduction.sum(Layout.expand(x, x.shape()));
        assertThat(Autograd.gradients(loss).of(x).toDoubles()).containsExactly(1, 1);
    }

    @Test
    void nothingIsRecordedInInference() {
        Tensor x = Autograd.variable(Tensor.of(new double[] {2}, 1));
        assertThat(Autograd.inference(() -> Arithmetic.scale(x, 2)).isDifferentiable()).isFalse();
    }

    @Test
    void deepChainsDoNotOverflowTheStack() {
        Tensor x = Autograd.variable(Tensor.scalar(DType.F64, 1));
        Tensor y = x;
        for (int i = 0; i < 20_000; i++) {
            y = Arithmetic.affine(y, 1, 1e-4);
        }
        assertThat(Autograd.gradients(y).of(x).item()).isCloseTo(1, within(0.0));
    }

    @Test
    void aGradientSharedByManyPathsSurvivesUntilTheLast() {
        Tensor x = Autograd.variable(Tensor.of(new double[] {1, 2}, 2));
        Tensor twice = Arithmetic.add(x, x);
        Tensor loss = Reduction.sum(Arithmetic.add(Arithmetic.add(twice, x), Arithmetic.add(x, twice)));
        assertThat(Autograd.gradients(loss).of(x).toDoubles()).containsExactly(6, 6);
    }

    @Test
    void passedOnGradientsReturnToThePoolDuringTheBackwardPass() {
        try (Scope _ = Scope.open()) {
            Tensor x = Autograd.variable(Tensor.full(DType.F32, Shape.of(1 << 18), 1));
            Tensor y = x;
            for (int i = 0; i < 20; i++) {
                y = Arithmetic.affine(y, 1.01, 0);
            }
            Tensor cotangent = Tensor.full(DType.F32, y.shape(), 1);
            Tensor gradient;
            try (Scope backward = Scope.open()) {
                gradient = backward.keep(Autograd.gradients(y, cotangent).of(x));
                assertThat(backward.peakBytes()).isLessThanOrEqualTo(2 * x.bytes());
            }
            assertThat(gradient.at(7)).isCloseTo(Math.pow(1.01, 20), within(1e-5));
        }
    }
}
