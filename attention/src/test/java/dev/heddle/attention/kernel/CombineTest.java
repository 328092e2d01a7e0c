package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.kernel.AttentionOptions.Layout;
import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/// The mixture of partial attentions against its definition, forward and backward.
class CombineTest {
    private static final int B = 2;
    private static final int N = 7;
    private static final int H = 3;

    /// Random partial results, of which some queries see no key in one part or in any.
    private static List<Result> parts(int count, int width, Layout layout) {
        RandomGenerator random = Seed.of(100L * count + width).generator();
        List<Result> parts = new ArrayList<>();
        for (int p = 0; p < count; p++) {
            double[] y = new double[B * N * H * width];
            for (int i = 0; i < y.length; i++) {
                y[i] = (float) random.nextGaussian();
            }
            double[] lse = new double[B * H * N];
            for (int i = 0; i < lse.length; i++) {
                boolean dead = i % 11 == 5 || random.nextInt(3) == 0;
                lse[i] = dead ? Double.NEGATIVE_INFINITY : (float) (20 * random.nextGaussian());
            }
            Shape shape = layout == Layout.TOKEN_MAJOR ? Shape.of(B, N, H, width) : Shape.of(B, H, N, width);
            parts.add(new Result(Tensor.of(y, shape.toArray()), Tensor.of(lse, B, H, N)));
        }
        return parts;
    }

    private static Tensor cotangent(Tensor of) {
        RandomGenerator random = Seed.of(of.elements()).generator();
        double[] values = new double[Math.toIntExact(of.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, of.shape().toArray());
    }

    private static Map<String, Tensor> run(List<Result> parts, DType dtype, Layout layout, Combine.Weights weights) {
        List<Result> leaves =
                parts.stream()
                        .map(
                                p ->
                                        new Result(
                                                Autograd.variable(p.y().cast(dtype)),
                                                Autograd.variable(p.lse().cast(dtype))))
                        .toList();
        Result joint = Combine.combine(leaves, layout, weights);
        Gradients gradients =
                Autograd.gradients(
                        List.of(joint.y(), joint.lse()),
                        List.of(cotangent(joint.y()).cast(dtype), cotangent(joint.lse()).cast(dtype)));
        Map<String, Tensor> all = new LinkedHashMap<>(Map.of("y", joint.y(), "lse", joint.lse()));
        for (int p = 0; p < leaves.size(); p++) {
            all.put("dy" + p, gradients.of(leaves.get(p).y()));
            all.put("dlse" + p, gradients.of(leaves.get(p).lse()));
        }
        return all;
    }

    // The definition, element by element.
    private static Map<String, Tensor> expected(List<Result> parts, Layout layout, Combine.Weights weights) {
        Shape shape = parts.getFirst().y().shape();
        int width = shape.dim(3);
        Map<String, double[]> all = new LinkedHashMap<>();
        all.put("y", new double[(int) shape.elements()]);
        all.put("lse", new double[B * H * N]);
        for (int p = 0; p < parts.size(); p++) {
            all.put("dy" + p, new double[(int) shape.elements()]);
            all.put("dlse" + p, new double[B * H * N]);
        }
        Tensor dy = cotangent(parts.getFirst().y());
        Tensor dlse = cotangent(parts.getFirst().lse());
        for (int r = 0; r < B * H * N; r++) {
            int i = r % N;
            int h = r / N % H;
            int b = r / N / H;
            int row = layout == Layout.TOKEN_MAJOR ? (b * N + i) * H + h : r;
            double sum = 0;
            for (Result part : parts) {
                sum += Math.exp(part.lse().at(r));
            }
            all.get("lse")[r] = Math.log(sum);
            for (int p = 0; p < parts.size() && sum > 0; p++) {
                double w = Math.exp(parts.get(p).lse().at(r)) / sum;
                for (int d = row * width; d < (row + 1) * width; d++) {
                    all.get("y")[d] += w * parts.get(p).y().at(d);
                    all.get("dy" + p)[d] = w * dy.at(d);
                }
            }
            for (int p = 0; p < parts.size() && sum > 0 && weights == Combine.Weights.DIFFERENTIATED; p++) {
                double w = Math.exp(parts.get(p).lse().at(r)) / sum;
                double slope = dlse.at(r);
                for (int d = row * width; d < (row + 1) * width; d++) {
                    slope += dy.at(d) * (parts.get(p).y().at(d) - all.get("y")[d]);
                }
                all.get("dlse" + p)[r] = w * slope;
            }
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        all.forEach((name, values) -> tensors.put(name, Tensor.of(values, values.length)));
        return tensors;
    }

    @TestFactory
    Stream<DynamicTest> mixtureIsItsDefinition() {
        List<DynamicTest> tests = new ArrayList<>();
        for (int width : new int[] {1, 3, 16, 17, 64, 67}) {
            for (int count : new int[] {1, 2, 5}) {
                for (Layout layout : Layout.values()) {
                    for (Combine.Weights weights : Combine.Weights.values()) {
                        tests.add(
                                DynamicTest.dynamicTest(
                                        width + " wide, " + count + " parts, " + layout + ", " + weights,
                                        () -> check(width, count, layout, weights)));
                    }
                }
            }
        }
        return tests.stream();
    }

    private static void check(int width, int count, Layout layout, Combine.Weights weights) {
        List<Result> parts = parts(count, width, layout);
        Map<String, Tensor> expected = expected(parts, layout, weights);
        AttentionCase.assertClose(run(parts, DType.F64, layout, weights), expected, 1e-12, 1e-12);
        AttentionCase.assertClose(run(parts, DType.F32, layout, weights), expected, 2e-5, 1e-5);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void aloneTheJointSumHasItsOwnGradient(DType dtype) {
        List<Result> leaves =
                parts(2, 5, Layout.HEAD_MAJOR).stream()
                        .map(
                                p ->
                                        new Result(
                                                Autograd.variable(p.y().cast(dtype)),
                                                Autograd.variable(p.lse().cast(dtype))))
                        .toList();
        Tensor lse = Combine.combine(leaves, Layout.HEAD_MAJOR).lse();
        Gradients gradients = Autograd.gradients(lse, Tensor.full(dtype, lse.shape(), 1));
        for (Result leaf : leaves) {
            assertThat(gradients.of(leaf.y()).toDoubles()).containsOnly(0);
            for (long r = 0; r < lse.elements(); r++) {
                double part = leaf.lse().at(r);
                double weight = part == Double.NEGATIVE_INFINITY ? 0 : Math.exp(part - lse.at(r));
                assertThat(Math.abs(gradients.of(leaf.lse()).at(r) - weight)).isLessThan(1e-5);
            }
        }
    }

    @Test
    void constantWeightsMakeTheJointSumAConstant() {
        List<Result> leaves =
                parts(2, 5, Layout.HEAD_MAJOR).stream()
                        .map(p -> new Result(Autograd.variable(p.y()), Autograd.variable(p.lse())))
                        .toList();
        Result joint = Combine.combine(leaves, Layout.HEAD_MAJOR, Combine.Weights.CONSTANT);
        assertThat(joint.lse().isDifferentiable()).isFalse();
        assertThat(joint.y().isDifferentiable()).isTrue();
    }

    @Test
    void resultsHaveTheSameBitsOnAnyNumberOfThreads() {
        int before = Parallel.threads();
        List<Result> parts = parts(5, 1031, Layout.TOKEN_MAJOR);
        try {
            Parallel.setThreads(1);
            Map<String, Tensor> one = run(parts, DType.F32, Layout.TOKEN_MAJOR, Combine.Weights.DIFFERENTIATED);
            Parallel.setThreads(3);
            Map<String, Tensor> three = run(parts, DType.F32, Layout.TOKEN_MAJOR, Combine.Weights.DIFFERENTIATED);
            one.forEach((name, tensor) -> assertThat(three.get(name).toFloats()).as(name).isEqualTo(tensor.toFloats()));
        } finally {
            Parallel.setThreads(before);
        }
    }

    @Test
    void partsThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> Combine.combine(List.of(), Layout.TOKEN_MAJOR))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("no parts");
        List<Result> mixed =
                List.of(parts(1, 3, Layout.TOKEN_MAJOR).getFirst(), parts(1, 5, Layout.TOKEN_MAJOR).getFirst());
        assertThatThrownBy(() -> Combine.combine(mixed, Layout.TOKEN_MAJOR))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("differs");
    }
}
