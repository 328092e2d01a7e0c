package dev.heddle.benchmarks;

import dev.heddle.attention.dilated.DilatedSpec;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

import java.util.List;
import java.util.concurrent.TimeUnit;

/// Whether LongNet's attention is linear up to a million tokens: causal, one head of 64, segments of 2,048 to 32,768
/// tokens of which every 1st to 16th is kept; twice the tokens should take twice the time.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 2)
@Fork(jvmArgsAppend = {"-Xms2g", "-Xmx2g"})
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class DilatedAttentionBenchmark {
    private static final int WIDTH = 64;
    private static final int CHECKED = 4_096;
    private static final Seed SEED = Seed.of(64);
    private static final DilatedSpec SPEC =
            DilatedSpec.of(1, List.of(2_048, 4_096, 8_192, 16_384, 32_768), List.of(1, 2, 4, 8, 16));

    /// Tokens.
    @Param({"65536", "131072", "262144", "524288", "1048576"})
    public int length;

    private Tensor q;
    private Tensor k;
    private Tensor v;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup
    public void prepare() {
        draw(CHECKED);
        verify();
        draw(length);
    }

    private void draw(int tokens) {
        Shape shape = Shape.of(1, tokens, 1, WIDTH);
        q = SubjectInputs.normal(shape, DType.F32, SEED.split("q"));
        k = SubjectInputs.normal(shape, DType.F32, SEED.split("k"));
        v = SubjectInputs.normal(shape, DType.F32, SEED.split("v"));
    }

    // 64-bit floats run on the reference kernel.
    private void verify() {
        float[] fast = attend(q, k, v).toFloats();
        Close.require("dilated", fast, attend(q.cast(DType.F64), k.cast(DType.F64), v.cast(DType.F64)).toFloats());
    }

    private static Tensor attend(Tensor q, Tensor k, Tensor v) {
        List<Result> parts =
                SPEC.patterns().stream()
                        .map(pattern -> ScaledDotProduct.attend(q, k, v, AttentionOptions.of(pattern)))
                        .toList();
        return Combine.combine(parts, AttentionOptions.Layout.TOKEN_MAJOR, SPEC.mixture()).y();
    }

    /// All pairs of segment and rate, and their mixture.
    @Benchmark
    public double heddleDilated() {
        try (Scope _ = Scope.open()) {
            return attend(q, k, v).at(0);
        }
    }
}
