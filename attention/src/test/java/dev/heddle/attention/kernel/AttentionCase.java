package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;

/// Random operands of one attention call, and its outputs and gradients in either type.
final class AttentionCase {
    final int batch;
    final int heads;
    final int kvHeads;
    final int queries;
    final int keys;
    final int width;
    final int valueWidth;
    final RandomGenerator random;
    final Tensor q;
    final Tensor k;
    final Tensor v;
    final Tensor dy;
    final Tensor dlse;
    @Nullable Tensor bias;
    boolean toeplitz;
    @Nullable Tensor mask;
    double softcap;
    AttentionOptions.Layout layout = AttentionOptions.Layout.TOKEN_MAJOR;

    AttentionCase(long seed, int batch, int heads, int kvHeads, int queries, int keys, int width, int valueWidth) {
        this.batch = batch;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.queries = queries;
        this.keys = keys;
        this.width = width;
        this.valueWidth = valueWidth;
        random = Seed.of(seed).generator();
        q = normal(batch, queries, heads, width);
        k = normal(batch, keys, kvHeads, width);
        v = normal(batch, keys, kvHeads, valueWidth);
        dy = normal(batch, queries, heads, valueWidth);
        dlse = normal(batch, heads, queries);
    }

    Tensor normal(int... sizes) {
        double[] values = new double[(int) Shape.of(sizes).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, sizes);
    }

    AttentionCase toeplitz() {
        bias = normal(heads, queries + keys - 1);
        toeplitz = true;
        return this;
    }

    AttentionCase dense(int... sizes) {
        bias = normal(sizes);
        return this;
    }

    AttentionCase mask(double share, int... sizes) {
        boolean[] values = new boolean[(int) Shape.of(sizes).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextDouble() < share;
        }
        mask = Tensor.of(values, sizes);
        return this;
    }

    AttentionCase softcap(double cap) {
        softcap = cap;
        return this;
    }

    AttentionOptions options(AttentionPattern pattern, @Nullable Tensor typedBias) {
        AttentionOptions options = AttentionOptions.of(pattern).capped(softcap).laidOut(layout);
        if (typedBias != null) {
            options =
                    options.biased(
                            toeplitz ? new AttentionBias.Toeplitz(typedBias) : new AttentionBias.Dense(typedBias));
        }
        return mask == null ? options : options.masked(mask);
    }

    /// Outputs and gradients of `Σ y·dy + Σ lse·dlse`, dead rows' `lse` left out of the sum.
    Map<String, Tensor> run(DType dtype, AttentionPattern pattern) {
        return run(dtype, pattern, UnaryOperator.identity());
    }

    Map<String, Tensor> run(DType dtype, AttentionPattern pattern, UnaryOperator<Result> after) {
        Tensor tq = Autograd.variable(q.cast(dtype));
        Tensor tk = Autograd.variable(k.cast(dtype));
        Tensor tv = Autograd.variable(v.cast(dtype));
        Tensor tb = bias == null ? null : Autograd.variable(bias.cast(dtype));
        Result result = after.apply(ScaledDotProduct.attend(tq, tk, tv, options(pattern, tb)));
        Gradients gradients =
                Autograd.gradients(List.of(result.y(), result.lse()), List.of(dy.cast(dtype), dlse.cast(dtype)));
        Map<String, Tensor> all = new LinkedHashMap<>();
        all.put("y", result.y());
        all.put("lse", result.lse());
        all.put("dq", gradients.of(tq));
        all.put("dk", gradients.of(tk));
        all.put("dv", gradients.of(tv));
        if (tb != null) {
            all.put("dbias", gradients.of(tb));
        }
        return all;
    }

    static void assertClose(Map<String, Tensor> actual, Map<String, Tensor> expected, double atol, double rtol) {
        List<String> wrong = new ArrayList<>();
        expected.forEach(
                (name, tensor) -> {
                    String difference = difference(actual.get(name), tensor, atol, rtol);
                    if (!difference.isEmpty()) {
                        wrong.add(name + ": " + difference);
                    }
                });
        assertThat(wrong).isEmpty();
    }

    /// The worst element beyond the tolerance, or nothing.
    static String difference(Tensor actual, Tensor expected, double atol, double rtol) {
        double worst = 1;
        String text = "";
        for (long i = 0; i < expected.elements(); i++) {
            double a = actual.at(i);
            double e = expected.at(i);
            double error = a == e ? 0 : Math.abs(a - e) / (atol + rtol * Math.abs(e));
            if (!(error <= worst)) {
                worst = error;
                text = "element " + i + " is " + a + ", expected " + e + " (" + error + " times the tolerance)";
            }
        }
        return text;
    }
}
