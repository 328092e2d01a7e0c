package dev.heddle.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.testkit.Toy.Lie;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;
import java.util.Map;

/// A check that cannot fail proves nothing: each tool passes the honest toy and catches the lies that are its own.
class ToolsCatchLiesTest {
    private static final Seed SEED = Seed.of(11);

    private static Report forms(Subject subject) {
        return Equivalence.ofForms(subject, Form.RECURRENT, Form.chunkwise(4), Form.chunkwise(99))
                .sample(2, 11, SEED)
                .check();
    }

    private static Report gradients(Subject subject) {
        return GradientCheck.of(subject, Form.PARALLEL).sample(2, 5, SEED);
    }

    private static Report cost(Subject subject) {
        return CostAudit.of(subject).check(SEED, 1, 7);
    }

    @Test
    void honestSubjectPassesEverything() {
        assertThat(forms(Toy.honest(5)).orThrow().error()).isLessThan(1e-12);
        assertThat(gradients(Toy.honest(5)).orThrow().error()).isLessThan(1e-7);
        assertThat(GradientCheck.of(Toy.honest(3), Form.RECURRENT).sample(1, 4, SEED).passed()).isTrue();
        assertThat(cost(Toy.honest(5)).orThrow().error()).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"FORM", "FORM_GRADIENT", "NOT_A_NUMBER", "MISSING_OUTPUT"})
    void equivalenceCatches(Lie lie) {
        assertThat(forms(Toy.lying(5, lie)).passed()).isFalse();
    }

    @ParameterizedTest
    @EnumSource(names = {"GRADIENT", "NOT_A_NUMBER", "DETACHED"})
    void gradientCheckCatches(Lie lie) {
        assertThat(gradients(Toy.lying(5, lie)).passed()).isFalse();
    }

    @Test
    void gradientCheckCatchesAGradientThatNeverArrives() {
        Subject subject = Toy.honest(5);
        Map<String, Tensor> inputs = subject.sampleInputs(2, 5, DType.F64, SEED);
        assertThat(GradientCheck.of(halfDetached(subject)).check(inputs, SEED).passed()).isFalse();
    }

    // The value is right and a gradient flows, but not through the weight.
    private static Computation halfDetached(Subject subject) {
        return Computation.of(
                "half detached",
                subject.module(),
                inputs -> {
                    Tensor y = subject.run(inputs, Form.PARALLEL).get("y");
                    return Map.of("y", Arithmetic.add(Arithmetic.scale(inputs.get("x"), 0), y.detach()));
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"PARAMETERS", "MULTIPLY_ADDS", "STATE"})
    void costAuditCatches(Lie lie) {
        assertThat(cost(Toy.lying(5, lie)).passed()).isFalse();
    }

    @Test
    void paddingAllowsMultiplyAddsOnly() {
        assertThat(CostAudit.of(Toy.lying(5, Lie.MULTIPLY_ADDS)).padding(0.1).check(SEED, 7).passed()).isTrue();
        assertThat(CostAudit.of(Toy.lying(5, Lie.STATE)).padding(0.1).check(SEED, 7).passed()).isFalse();
    }

    @Test
    void twoComputationsAreComparedWithSharedWeights() {
        Subject a = Toy.honest(5);
        Subject b = Toy.catalog().variant("toy").build(Toy.config(5), Seed.of(77));
        Equivalence pair =
                Equivalence.between(Computation.of(a, Form.PARALLEL), Computation.of(b, Form.chunkwise(3)))
                        .inputs(a.sampleInputs(2, 7, DType.F32, SEED));

        assertThat(pair.check().passed()).as("different weights").isFalse();
        pair.sharingWeights().check().orThrow();
        pair.sharingWeights().within(DType.F32, 1e-5).check().orThrow();
    }

    @Test
    void failureNamesTensorFigureAndSeed() {
        Report report = forms(Toy.lying(5, Lie.FORM));
        assertThatThrownBy(report::orThrow)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("recurrent out.y")
                .hasMessageContaining(ErrorFigure.FORMULA)
                .hasMessageContaining("seed 11")
                .hasMessageContaining("-Dheddle.seed=");
    }

    @Test
    void lookingAtNothingIsNotPassing() {
        assertThat(new Report("check", "figure", SEED, List.of()).passed()).isFalse();
    }
}
