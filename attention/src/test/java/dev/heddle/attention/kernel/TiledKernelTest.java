package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// What holds for attention besides the numbers.
class TiledKernelTest {
    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void maskedKeysMayHoldAnything(DType dtype) {
        for (double junk : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 1e30}) {
            AttentionCase clean = new AttentionCase(11, 2, 4, 2, 130, 130, 24, 20);
            AttentionCase dirty = new AttentionCase(11, 2, 4, 2, 130, 130, 24, 20);
            boolean[] mask = new boolean[2 * 130];
            Arrays.fill(mask, true);
            for (int j : new int[] {0, 7, 63, 64, 129}) {
                mask[j] = false;
                spoil(dirty.k, j, junk);
                spoil(dirty.v, j, junk);
            }
            clean.mask = Tensor.of(mask, 2, 1, 1, 130);
            dirty.mask = clean.mask;
            Map<String, Tensor> expected = clean.run(dtype, Patterns.causal());
            Map<String, Tensor> actual = dirty.run(dtype, Patterns.causal());
            expected.forEach(
                    (name, tensor) ->
                            assertThat(actual.get(name).toDoubles())
                                    .as(name + " with " + junk)
                                    .isEqualTo(tensor.toDoubles()));
        }
    }

    private static void spoil(Tensor tensor, int token, double value) {
        int row = tensor.dim(2) * tensor.dim(3);
        tensor.viewAt((long) token * row, Shape.of(row)).fill(value);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void futureTokensCannotTouchThePast(DType dtype) {
        AttentionCase clean = new AttentionCase(12, 1, 2, 2, 100, 100, 16, 16);
        AttentionCase dirty = new AttentionCase(12, 1, 2, 2, 100, 100, 16, 16);
        spoil(dirty.k, 70, Double.NaN);
        spoil(dirty.v, 70, Double.NaN);
        double[] expected = clean.run(dtype, Patterns.causal()).get("y").toDoubles();
        double[] actual = dirty.run(dtype, Patterns.causal()).get("y").toDoubles();
        assertThat(Arrays.copyOf(actual, 70 * 32)).isEqualTo(Arrays.copyOf(expected, 70 * 32));
        assertThat(actual[70 * 32]).isNaN();
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void queriesWithoutAKeyAreExactlyZero(DType dtype) {
        AttentionCase c = new AttentionCase(13, 1, 2, 1, 120, 50, 8, 8);
        Map<String, Tensor> out = c.run(dtype, Patterns.causal());
        double[] lse = out.get("lse").toDoubles();
        for (int i = 0; i < 70; i++) {
            assertThat(lse[i]).isEqualTo(Double.NEGATIVE_INFINITY);
            for (int d = 0; d < 16; d++) {
                assertThat(out.get("y").at(i * 16 + d)).isZero();
                assertThat(out.get("dq").at(i * 16 + d)).isZero();
            }
        }
        for (String name : List.of("y", "dq", "dk", "dv")) {
            assertThat(Arrays.stream(out.get(name).toDoubles()).allMatch(Double::isFinite)).as(name).isTrue();
        }
        assertThat(lse[70]).isFinite();
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void scoresOfAnySizeStayFinite(DType dtype) {
        for (double factor : new double[] {1e3, -1e3}) {
            AttentionCase c = new AttentionCase(14, 1, 2, 2, 70, 70, 8, 8);
            Tensor q = c.q.cast(dtype);
            Result result =
                    ScaledDotProduct.attend(
                            q, c.k.cast(dtype), c.v.cast(dtype), AttentionOptions.of(Patterns.causal()).scaled(factor));
            assertThat(Arrays.stream(result.y().toDoubles()).allMatch(Double::isFinite)).isTrue();
            assertThat(Arrays.stream(result.lse().toDoubles()).allMatch(Double::isFinite)).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void minusInfinityAsBiasIsAMask(DType dtype) {
        AttentionCase masked = new AttentionCase(15, 1, 2, 2, 75, 75, 8, 8);
        AttentionCase biased = new AttentionCase(15, 1, 2, 2, 75, 75, 8, 8);
        double[] bias = new double[75 * 75];
        for (int i = 0; i < 75; i++) {
            for (int j = i + 1; j < 75; j++) {
                bias[i * 75 + j] = Double.NEGATIVE_INFINITY;
            }
        }
        biased.bias = Tensor.of(bias, 75, 75);
        AttentionCase.assertClose(biased.run(dtype, Patterns.full()), masked.run(dtype, Patterns.causal()), 1e-5, 1e-5);
    }

    @Test
    void resultsHaveTheSameBitsOnAnyNumberOfThreads() {
        int before = Parallel.threads();
        try {
            AttentionPattern pattern = Patterns.local(300).and(Patterns.causal());
            AttentionCase c = new AttentionCase(16, 2, 4, 2, 700, 700, 32, 32).toeplitz();
            Parallel.setThreads(1);
            Map<String, Tensor> one = c.run(DType.F32, pattern);
            Parallel.setThreads(3);
            Map<String, Tensor> three = c.run(DType.F32, pattern);
            one.forEach((name, tensor) -> assertThat(three.get(name).toFloats()).as(name).isEqualTo(tensor.toFloats()));
        } finally {
            Parallel.setThreads(before);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 64, 100, 199})
    void combiningSplitKeysIsOnePass(int split) {
        for (DType dtype : List.of(DType.F32, DType.F64)) {
            AttentionCase c = new AttentionCase(17, 1, 4, 2, 23, 200, 16, 16);
            Map<String, Tensor> whole = c.run(dtype, Patterns.causal());
            boolean[] early = new boolean[200];
            Arrays.fill(early, 0, split, true);
            boolean[] late = new boolean[200];
            Arrays.fill(late, split, 200, true);
            Tensor k = c.k.cast(dtype);
            AttentionOptions causal = AttentionOptions.of(Patterns.causal());
            Tensor q = Autograd.variable(c.q.cast(dtype));
            Result both =
                    Combine.combine(
                            List.of(
                                    ScaledDotProduct.attend(
                                            q, k, c.v.cast(dtype), causal.masked(Tensor.of(early, 1, 1, 1, 200))),
                                    ScaledDotProduct.attend(
                                            q, k, c.v.cast(dtype), causal.masked(Tensor.of(late, 1, 1, 1, 200))),
                                    ScaledDotProduct.attend(
                                            q, k, c.v.cast(dtype), causal.masked(Tensor.of(new boolean[200], 200)))),
                            AttentionOptions.Layout.TOKEN_MAJOR);
            Tensor dq =
                    Autograd.gradients(List.of(both.y(), both.lse()), List.of(c.dy.cast(dtype), c.dlse.cast(dtype)))
                            .of(q);
            double tolerance = dtype == DType.F32 ? 2e-5 : 1e-12;
            AttentionCase.assertClose(
                    Map.of("y", both.y(), "lse", both.lse(), "dq", dq),
                    Map.of("y", whole.get("y"), "lse", whole.get("lse"), "dq", whole.get("dq")),
                    tolerance,
                    tolerance);
        }
    }

    @Test
    void cachedKeysBeyondTheLengthAreNotSeen() {
        AttentionCase c = new AttentionCase(18, 2, 4, 2, 1, 90, 16, 16);
        for (DType dtype : List.of(DType.F32, DType.F64)) {
            Tensor kCache = Tensor.full(dtype, Shape.of(2, 128, 2, 16), Double.NaN);
            Tensor vCache = Tensor.full(dtype, Shape.of(2, 128, 2, 16), Double.NaN);
            for (int b = 0; b < 2; b++) {
                var row = Shape.of(90, 2, 16);
                kCache.viewAt(b * 128L * 32, row).copyFrom(c.k.cast(dtype).viewAt(b * 90L * 32, row));
                vCache.viewAt(b * 128L * 32, row).copyFrom(c.v.cast(dtype).viewAt(b * 90L * 32, row));
            }
            AttentionOptions options = AttentionOptions.of(Patterns.causal());
            Result cached = ScaledDotProduct.attendCached(c.q.cast(dtype), kCache, vCache, 90, options);
            Result dense = ScaledDotProduct.attend(c.q.cast(dtype), c.k.cast(dtype), c.v.cast(dtype), options);
            assertThat(cached.y().toDoubles()).isEqualTo(dense.y().toDoubles());
        }
    }

    @Test
    void memoryGrowsLinearlyWithTheSequence() {
        long small = peak(8192);
        long large = peak(32768);
        assertThat((double) large / small).isLessThan(4.3);
        // One head's scores alone would be N² floats.
        assertThat(large).isLessThan(32768L * 32768 * Float.BYTES / 10);
    }

    private static long peak(int n) {
        try (Scope scope = Scope.open()) {
            Tensor q = Tensor.zeros(DType.F32, 1, n, 1, 64);
            Tensor variable = Autograd.variable(q);
            AttentionPattern pattern = Patterns.local(100).and(Patterns.causal());
            Result result = ScaledDotProduct.attend(variable, variable, variable, AttentionOptions.of(pattern));
            Autograd.gradients(result.y(), q);
            return scope.peakBytes();
        }
    }

    @Test
    void badOperandsAreRefused() {
        Tensor q = Tensor.zeros(DType.F32, 1, 3, 4, 8);
        Tensor k = Tensor.zeros(DType.F32, 1, 5, 3, 8);
        AttentionOptions full = AttentionOptions.of(Patterns.full());
        assertThatThrownBy(() -> ScaledDotProduct.attend(q, k, k, full))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("heads: 4 query heads cannot share 3");
        assertThatThrownBy(() -> ScaledDotProduct.attend(q, q, Tensor.zeros(DType.F32, 1, 4, 4, 8), full))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("do not fit");
        assertThatThrownBy(() -> ScaledDotProduct.attend(q, q, q, full.masked(Tensor.of(new boolean[2], 2))))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("mask");
        assertThatThrownBy(
                        () ->
                                ScaledDotProduct.attend(
                                        q, q, q, full.biased(new AttentionBias.Dense(Tensor.zeros(DType.F32, 2, 3)))))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("bias");
        assertThatThrownBy(() -> ScaledDotProduct.attend(q, q, q, full.capped(-1))).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> ScaledDotProduct.attend(q, q, q, full.scaled(Double.NaN)))
                .isInstanceOf(ConfigException.class);
    }
}
