package dev.heddle.benchmarks;

import dev.heddle.attention.kernel.AttentionCall;
import dev.heddle.attention.kernel.AttentionKernel;
import dev.heddle.attention.kernel.AttentionKernels;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Heads;
import dev.heddle.attention.kernel.ReferenceKernel;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/// Whether time follows the pairs: a causal window of 256 keys against all earlier keys, 16,384 tokens, 8 heads of 64.
/// The window's share of the pairs is about 3 %, and so should be its share of the time.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Xms1g",
            "-Xmx1g"
        })
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class LocalAttentionBenchmark {
    private static final int LENGTH = 16_384;
    private static final int WINDOW = 256;
    private static final int HEADS = 8;
    private static final int WIDTH = 64;

    private final AttentionKernel kernel = AttentionKernels.of(DType.F32);
    private final AttentionPattern window = Patterns.local(WINDOW).and(Patterns.causal());
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor y;
    private Tensor lse;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup(Level.Trial)
    public void prepare() {
        RandomGenerator random = Seed.of(WINDOW).generator();
        q = normal(random);
        k = normal(random);
        v = normal(random);
        y = Tensor.uninitialised(DType.F32, 1, LENGTH, HEADS, WIDTH);
        lse = Tensor.uninitialised(DType.F32, 1, HEADS, LENGTH);
        verify();
    }

    private static Tensor normal(RandomGenerator random) {
        float[] values = new float[LENGTH * HEADS * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, 1, LENGTH, HEADS, WIDTH);
    }

    /// The last query of the window sees what it would see in a sequence of its window alone.
    private void verify() {
        heddleLocal();
        int from = LENGTH - WINDOW - 1;
        long skipped = (long) from * HEADS * WIDTH;
        Tensor tail = Tensor.uninitialised(DType.F32, 1, 1, HEADS, WIDTH);
        Tensor sum = Tensor.uninitialised(DType.F32, 1, HEADS, 1);
        AttentionCall last =
                AttentionCall.of(new AttentionShape(1, HEADS, HEADS, 1, WINDOW + 1, WIDTH, WIDTH), Patterns.full());
        ReferenceKernel.F32.forward(
                last,
                heads(q, (long) (LENGTH - 1) * HEADS * WIDTH),
                heads(k, skipped),
                heads(v, skipped),
                heads(tail, 0),
                sum.address());
        float[] row = new float[HEADS * WIDTH];
        System.arraycopy(y.toFloats(), (LENGTH - 1) * HEADS * WIDTH, row, 0, row.length);
        Close.require("local", row, tail.toFloats());
    }

    private static Heads heads(Tensor tensor, long skipped) {
        return Heads.tokenMajor(tensor.address() + Float.BYTES * skipped, HEADS, LENGTH, WIDTH);
    }

    private void run(AttentionPattern pattern) {
        AttentionShape shape = new AttentionShape(1, HEADS, HEADS, LENGTH, LENGTH, WIDTH, WIDTH);
        kernel.forward(
                AttentionCall.of(shape, pattern), heads(q, 0), heads(k, 0), heads(v, 0), heads(y, 0), lse.address());
    }

    @Benchmark
    public void heddleLocal() {
        run(window);
    }

    @Benchmark
    public void heddleCausal() {
        run(Patterns.causal());
    }
}
