package dev.heddle.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/// Laws of reversible blocks. Three blocks of width 5 on 7 tokens.
class ReversibleTest {
    private static final int WIDTH = 5;
    private static final int TOKENS = 7;

    private final List<Module> modules = new ArrayList<>();
    private final List<Reversible.Block> blocks = new ArrayList<>();

    private void build(int depth, int width, DType dtype, double dropout) {
        for (int l = 0; l < depth; l++) {
            blocks.add(new Reversible.Block(branch(width, dtype, dropout), branch(width, dtype, dropout)));
        }
    }

    private Reversible.Branch branch(int width, DType dtype, double dropout) {
        Dense dense = new Dense(width, width, true, Initialiser.normal(0.5), Seed.of(modules.size()));
        dense.convert(dtype);
        modules.add(dense);
        return new Reversible.Branch(dense, x -> TrainingPass.dropout(dense.forward(x, Activation.GELU), dropout));
    }

    private static Reversible.Streams streams(DType dtype) {
        return new Reversible.Streams(random(1, dtype), random(2, dtype));
    }

    private static Tensor random(long seed, DType dtype) {
        return Autograd.variable(Initialiser.normal(1).create(Shape.of(TOKENS, WIDTH), Seed.of(seed)).cast(dtype));
    }

    private List<Tensor> trace(Reversible.Streams x, Reversible.Streams y) {
        DType dtype = y.first().dtype();
        Gradients gradients =
                Autograd.gradients(List.of(y.first(), y.second()), List.of(random(3, dtype), random(4, dtype)));
        List<Tensor> all = new ArrayList<>(List.of(y.first(), y.second(), gradients.of(x.first())));
        all.add(gradients.of(x.second()));
        modules.forEach(m -> m.parameters().values().forEach(p -> all.add(gradients.of(p.value()))));
        return all;
    }

    private static void assertClose(List<Tensor> found, List<Tensor> expected, double tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        for (int n = 0; n < found.size(); n++) {
            assertThat(difference(found.get(n), expected.get(n))).as("tensor %d", n).isLessThanOrEqualTo(tolerance);
        }
    }

    private static double difference(Tensor a, Tensor b) {
        assertThat(a.shape()).isEqualTo(b.shape());
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            worst = Math.max(worst, Math.abs(a.at(i) - b.at(i)));
        }
        return worst;
    }

    private void assertReversibleEqualsPlain(DType dtype, double tolerance) {
        Reversible.Streams x = streams(dtype);
        assertClose(trace(x, Reversible.run(blocks, x)), trace(x, Reversible.runPlain(blocks, x)), tolerance);
    }

    @Test
    void reversibleEqualsPlain() {
        build(3, WIDTH, DType.F64, 0);
        assertReversibleEqualsPlain(DType.F64, 1e-12);
    }

    @Test
    void reversibleEqualsPlainInSinglePrecision() {
        build(3, WIDTH, DType.F32, 0);
        assertReversibleEqualsPlain(DType.F32, 1e-4);
    }

    @Test
    void aBlockThatIsUsedTwiceGetsBothGradients() {
        build(2, WIDTH, DType.F64, 0);
        blocks.add(blocks.getFirst());
        assertReversibleEqualsPlain(DType.F64, 1e-12);
    }

    @Test
    void gradientsStopAtComputedParameters() {
        build(1, WIDTH, DType.F64, 0);
        Parameter weight = modules.getFirst().parameters().get("weight");
        Tensor source = weight.value();
        weight.bind(Arithmetic.scale(source, 2));
        Reversible.Streams x = streams(DType.F64);
        Tensor cotangent = random(3, DType.F64);
        Tensor found = Autograd.gradients(Reversible.run(blocks, x).first(), cotangent).of(source);
        Tensor expected = Autograd.gradients(Reversible.runPlain(blocks, x).first(), cotangent).of(source);
        assertThat(difference(found, expected)).isLessThanOrEqualTo(1e-12);
    }

    @Test
    void theInverseRestoresTheStreams() {
        build(3, WIDTH, DType.F64, 0);
        Reversible.Streams x = streams(DType.F64);
        Reversible.Streams back = Reversible.invert(blocks, Reversible.run(blocks, x));
        assertThat(difference(back.first(), x.first())).isLessThanOrEqualTo(1e-12);
        assertThat(difference(back.second(), x.second())).isLessThanOrEqualTo(1e-12);
    }

    @Test
    void theBackwardPassLeavesTheOutputsAlone() {
        build(2, WIDTH, DType.F64, 0);
        Reversible.Streams x = streams(DType.F64);
        Reversible.Streams y = Reversible.run(blocks, x);
        double[] before = y.first().toDoubles();
        trace(x, y);
        assertThat(y.first().toDoubles()).containsExactly(before);
    }

    @Test
    void whatDropoutDroppedIsDroppedAgain() {
        build(3, WIDTH, DType.F64, 0.4);
        Reversible.Streams x = streams(DType.F64);
        Reversible.Streams reversible = TrainingPass.run(Seed.of(5), () -> Reversible.run(blocks, x));
        Reversible.Streams plain = TrainingPass.run(Seed.of(5), () -> Reversible.runPlain(blocks, x));
        assertClose(trace(x, reversible), trace(x, plain), 1e-12);
    }

    @Test
    void decisionsAreTakenOnceAndRepeatedAsOftenAsTheGradientsAreWanted() {
        AtomicInteger asked = new AtomicInteger();
        Reversible.Branch deciding =
                new Reversible.Branch(
                        new Module() {}, x -> Arithmetic.scale(x, Recomputation.decide(asked::incrementAndGet)));
        List<Reversible.Block> stack = List.of(new Reversible.Block(deciding, deciding));
        Reversible.Streams x = streams(DType.F64);
        Reversible.Streams y = Reversible.run(stack, x);
        // y1 = x1 + x2 and y2 = x2 + 2·y1, so Σ y2 has the gradients 2 and 3.
        for (int times = 0; times < 2; times++) {
            Gradients gradients = Autograd.gradients(Reduction.sum(y.second()));
            assertThat(gradients.of(x.first()).toDoubles()).containsOnly(2);
            assertThat(gradients.of(x.second()).toDoubles()).containsOnly(3);
        }
        assertThat(asked).hasValue(2);
    }

    @Test
    void activationMemoryDoesNotGrowWithDepth() {
        assertThat(trainingBytes(12, true)).isEqualTo(trainingBytes(3, true));
        assertThat(trainingBytes(12, false)).isGreaterThan(3 * trainingBytes(3, true));
    }

    // The blocks share their parameters, so that depth adds no gradients of those.
    private static long trainingBytes(int depth, boolean reversible) {
        Dense dense = new Dense(16, 16, false, Initialiser.normal(0.5), Seed.of(1));
        Reversible.Branch branch = new Reversible.Branch(dense, dense::forward);
        List<Reversible.Block> stack = new ArrayList<>();
        for (int l = 0; l < depth; l++) {
            stack.add(new Reversible.Block(branch, branch));
        }
        Tensor x = Autograd.variable(Initialiser.normal(1).create(Shape.of(512, 16), Seed.of(2)));
        try (Scope scope = Scope.open()) {
            Reversible.Streams start = new Reversible.Streams(x, x);
            Reversible.Streams y = reversible ? Reversible.run(stack, start) : Reversible.runPlain(stack, start);
            Autograd.gradients(Reduction.sum(y.first()));
            return scope.peakBytes();
        }
    }

    @Test
    void streamsThatDifferAreRefused() {
        build(1, WIDTH, DType.F64, 0);
        Reversible.Streams uneven =
                new Reversible.Streams(random(1, DType.F64), Tensor.zeros(DType.F64, TOKENS, WIDTH + 1));
        assertThatThrownBy(() -> Reversible.run(blocks, uneven))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("one shape");
        assertThatThrownBy(() -> Reversible.invert(blocks, uneven)).isInstanceOf(ShapeException.class);
    }
}
