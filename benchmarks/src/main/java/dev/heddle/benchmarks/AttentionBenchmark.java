package dev.heddle.benchmarks;

import dev.heddle.attention.kernel.AttentionCall;
import dev.heddle.attention.kernel.AttentionKernel;
import dev.heddle.attention.kernel.AttentionKernels;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Heads;
import dev.heddle.attention.kernel.ReferenceKernel;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.benchmarks.peer.TorchAttention;
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
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/// Scaled dot-product attention, 32-bit floats, one sequence, 8 heads of 64, beside PyTorch's fused kernel with as many
/// threads. Heddle reads token-major tensors, as a projection leaves them; PyTorch gets head-major ones.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
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
public class AttentionBenchmark {
    private static final int HEADS = 8;
    private static final int WIDTH = 64;

    /// The sequence length.
    @Param({"512", "1024", "2048", "4096"})
    public int length;

    /// What a query sees.
    @Param({"full", "causal"})
    public String pattern;

    private final AttentionKernel kernel = AttentionKernels.of(DType.F32);
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor y;
    private Tensor lse;
    private Tensor dy;
    private Tensor dq;
    private Tensor dk;
    private Tensor dv;
    private AttentionCall call;
    private TorchAttention torch;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup(Level.Trial)
    public void prepare() {
        AttentionPattern keys = pattern.equals("causal") ? Patterns.causal() : Patterns.full();
        call = AttentionCall.of(new AttentionShape(1, HEADS, HEADS, length, length, WIDTH, WIDTH), keys);
        RandomGenerator random = Seed.of(length).generator();
        q = normal(random);
        k = normal(random);
        v = normal(random);
        dy = normal(random);
        y = empty();
        dq = empty();
        dk = empty();
        dv = empty();
        lse = Tensor.uninitialised(DType.F32, 1, HEADS, length);
        torch = new TorchAttention(headMajor(q), headMajor(k), headMajor(v), headMajor(dy), pattern.equals("causal"));
        verify();
    }

    private Tensor normal(RandomGenerator random) {
        float[] values = new float[length * HEADS * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, 1, length, HEADS, WIDTH);
    }

    private Tensor empty() {
        return Tensor.uninitialised(DType.F32, 1, length, HEADS, WIDTH);
    }

    private Tensor headMajor(Tensor tensor) {
        float[] from = tensor.toFloats();
        float[] to = new float[from.length];
        for (int i = 0; i < length; i++) {
            for (int h = 0; h < HEADS; h++) {
                System.arraycopy(from, (i * HEADS + h) * WIDTH, to, (h * length + i) * WIDTH, WIDTH);
            }
        }
        return Tensor.of(to, 1, HEADS, length, WIDTH);
    }

    private void verify() {
        Tensor expected = empty();
        Tensor sums = Tensor.uninitialised(DType.F32, 1, HEADS, length);
        ReferenceKernel.F32.forward(call, heads(q), heads(k), heads(v), heads(expected), sums.address());
        heddleForward();
        heddleBackward();
        torch.backward();
        Close.require("forward", y.toFloats(), expected.toFloats());
        Close.require("PyTorch's forward", torch.output(), headMajor(expected).toFloats());
        Tensor[] gradients = {dq, dk, dv};
        for (int i = 0; i < gradients.length; i++) {
            Close.require("gradient " + i, headMajor(gradients[i]).toFloats(), torch.gradient(i));
        }
    }

    private static Heads heads(Tensor tensor) {
        return Heads.tokenMajor(tensor.address(), HEADS, tensor.dim(1), WIDTH);
    }

    @Benchmark
    public void heddleForward() {
        kernel.forward(call, heads(q), heads(k), heads(v), heads(y), lse.address());
    }

    @Benchmark
    public void torchForward() {
        torch.forward();
    }

    @Benchmark
    public void heddleBackward() {
        kernel.backward(
                call,
                heads(q),
                heads(k),
                heads(v),
                heads(y),
                lse.address(),
                heads(dy),
                0,
                heads(dq),
                heads(dk),
                heads(dv),
                0);
    }

    @Benchmark
    public void torchBackward() {
        torch.backward();
    }

    /// Ends PyTorch's part.
    @TearDown(Level.Trial)
    public void close() {
        torch.close();
    }
}
