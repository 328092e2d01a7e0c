package dev.heddle.benchmarks;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.benchmarks.peer.TorchAttention;
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

/// As [PatternBenchmark], beside PyTorch's fused kernel under the equivalent boolean mask, as far as the mask does not
/// grow out of hand. PyTorch gets head-major operands, as it likes them.
///
/// The quick profile takes the values below, `--full` all of [Sparsity] at all of [#CONTEXTS].
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
public class PatternPeerBenchmark {
    /// The lengths of `--full`.
    static final int[] CONTEXTS = {1024, 2048, 4096};

    /// Tokens.
    @Param("4096")
    public int maskedContext;

    /// What a query sees.
    @Param({"causal", "sparse-su"})
    public String sparsity;

    private PatternOperands operands;
    private TorchAttention torch;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup(Level.Trial)
    public void prepare() {
        operands = new PatternOperands(Sparsity.of(sparsity), maskedContext);
        operands.requireReferenceRows();
        operands.forward();
        operands.backward();
        torch =
                new TorchAttention(
                        headMajor(operands.q()),
                        headMajor(operands.k()),
                        headMajor(operands.v()),
                        headMajor(operands.dy()),
                        mask());
        torch.backward();
        Close.require("PyTorch's forward", torch.output(), headMajor(operands.y()).toFloats());
        for (int i = 0; i < 3; i++) {
            Close.require("gradient " + i, headMajor(operands.gradient(i)).toFloats(), torch.gradient(i));
        }
    }

    private static Tensor headMajor(Tensor tensor) {
        int heads = PatternOperands.HEADS;
        int width = PatternOperands.WIDTH;
        int length = tensor.dim(1);
        float[] from = tensor.toFloats();
        float[] to = new float[from.length];
        for (int i = 0; i < length; i++) {
            for (int h = 0; h < heads; h++) {
                System.arraycopy(from, (i * heads + h) * width, to, (h * length + i) * width, width);
            }
        }
        return Tensor.of(to, 1, heads, length, width);
    }

    private Tensor mask() {
        AttentionPattern pattern = operands.pattern();
        boolean[] allowed = new boolean[PatternOperands.HEADS * maskedContext * maskedContext];
        int at = 0;
        for (int head = 0; head < PatternOperands.HEADS; head++) {
            for (int query = 0; query < maskedContext; query++) {
                for (int key = 0; key < maskedContext; key++) {
                    allowed[at++] = pattern.allows(head, query, key);
                }
            }
        }
        return Tensor.of(allowed, 1, PatternOperands.HEADS, maskedContext, maskedContext);
    }

    @Benchmark
    public void heddleForward() {
        operands.forward();
    }

    @Benchmark
    public void torchForward() {
        torch.forward();
    }

    @Benchmark
    public void heddleBackward() {
        operands.backward();
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
