package dev.heddle.benchmarks;

import dev.heddle.benchmarks.peer.TorchAttention;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

import java.util.concurrent.TimeUnit;

/// Attention beside PyTorch's fused kernel on the same operands with as many threads, forward and backward.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@SuppressWarnings("NullAway.Init") // A benchmark calls prepare() first.
public abstract class AttentionBesideTorch {
    private AttentionOperands operands;
    private TorchAttention torch;

    /// Refuses to go on with a wrong kernel on either side.
    final void prepare(AttentionOperands operands, TorchAttention torch) {
        this.operands = operands;
        this.torch = torch;
        operands.requireReferenceRows();
        operands.requireSame(torch);
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
    @TearDown
    public void close() {
        torch.close();
    }
}
