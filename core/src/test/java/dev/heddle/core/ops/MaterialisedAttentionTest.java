package dev.heddle.core.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

import java.util.List;

class MaterialisedAttentionTest {
    private static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(3).split(name)).cast(DType.F64);
    }

    @Test
    void aQueryThatMayAttendNothingGetsZerosAndNoGradient() {
        Tensor q = Autograd.variable(random("q", 1, 3, 2, 5));
        Tensor k = Autograd.variable(random("k", 1, 2, 2, 5));
        Tensor v = Autograd.variable(random("v", 1, 2, 2, 7));
        // Three queries, two keys: the first query comes before every key.
        var result = MaterialisedAttention.attend(q, k, v, null, MaterialisedAttention.causalMask(3, 2), 1);
        assertThat(Layout.slice(result.y(), 1, 0, 1).toDoubles()).containsOnly(0);
        assertThat(Softmax.logSumExp(result.scores()).at(0)).isEqualTo(Double.NEGATIVE_INFINITY);
        Gradients gradients = Autograd.gradients(result.y(), random("dy", 1, 3, 2, 7));
        assertThat(Layout.slice(gradients.of(q), 1, 0, 1).toDoubles()).containsOnly(0);
        for (Tensor leaf : List.of(q, k, v)) {
            assertThat(gradients.of(leaf).toDoubles()).doesNotContain(Double.NaN);
        }
    }

    @Test
    void sharedKeyHeadsEqualRepeatedOnes() {
        Tensor q = random("q", 2, 3, 4, 5);
        Tensor k = random("k", 2, 3, 2, 5);
        Tensor v = random("v", 2, 3, 2, 6);
        Tensor shared = MaterialisedAttention.attend(q, k, v, null, null, 0.5).y();
        Tensor repeated = MaterialisedAttention.attend(q, twice(k), twice(v), null, null, 0.5).y();
        assertThat(shared.toDoubles()).containsExactly(repeated.toDoubles());
    }

    // Heads 0, 1 → 0, 0, 1, 1.
    private static Tensor twice(Tensor x) {
        Tensor first = Layout.slice(x, 2, 0, 1);
        Tensor second = Layout.slice(x, 2, 1, 2);
        return Layout.concatenate(2, first, first, second, second);
    }

    @Test
    void weightsOfAQuerySumToOne() {
        Tensor weights =
                MaterialisedAttention.attend(
                                random("q", 1, 3, 2, 5),
                                random("k", 1, 7, 2, 5),
                                random("v", 1, 7, 2, 5),
                                random("bias", 2, 3, 7),
                                MaterialisedAttention.causalMask(3, 7),
                                1)
                        .weights();
        assertThat(weights.shape()).isEqualTo(Shape.of(1, 2, 3, 7));
        for (double sum : Reduction.sum(weights, 3).toDoubles()) {
            assertThat(sum).isCloseTo(1, within(1e-14));
        }
        assertThat(weights.at(6)).as("the first of three queries does not see the last of seven keys").isZero();
    }

    @Test
    void shapesThatDoNotFitAreRefused() {
        Tensor q = random("q", 1, 3, 4, 5);
        assertThatThrownBy(
                        () ->
                                MaterialisedAttention.attend(
                                        q, random("k", 1, 3, 3, 5), random("v", 1, 3, 3, 5), null, null, 1))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("G dividing H");
        assertThatThrownBy(() -> MaterialisedAttention.biasByPair(random("bias", 2, 7), 3, 4))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("[H, 6]");
    }
}
