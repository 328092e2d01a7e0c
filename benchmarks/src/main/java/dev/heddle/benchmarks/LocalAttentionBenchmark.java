package dev.heddle.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/// Whether time follows the pairs: a causal window of 256 keys against all earlier keys, 16,384 tokens, 8 heads of 64.
/// The window's share of the pairs is about 3 %, and so should be its share of the time.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@SuppressWarnings("NullAway.Init") // prepare() fills it.
public class LocalAttentionBenchmark {
    private static final int LENGTH = 16_384;

    private AttentionOperands local;
    private AttentionOperands causal;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup
    public void prepare() {
        local = new AttentionOperands(Sparsity.LOCAL.over(LENGTH), LENGTH);
        local.requireReferenceOutputs();
        causal = new AttentionOperands(Sparsity.CAUSAL.over(LENGTH), LENGTH);
        causal.requireReferenceOutputs();
    }

    @Benchmark
    public void heddleLocal() {
        local.forward();
    }

    @Benchmark
    public void heddleCausal() {
        causal.forward();
    }
}
