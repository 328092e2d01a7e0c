package dev.heddle.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/// Whether time follows the pairs: attention under sparse patterns, 32-bit floats, one sequence, 8 heads of 64. The
/// report says what a pair costs beside one of causal attention over as many tokens.
///
/// The quick profile takes the values below, `--full` all of [Sparsity] at all of [#CONTEXTS].
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class PatternBenchmark {
    /// The lengths of `--full`.
    static final int[] CONTEXTS = {1024, 2048, 4096, 8192, 16_384, 32_768, 65_536};

    private static final int CHECKED = 389;

    /// Tokens.
    @Param({"8192", "16384"})
    public int context;

    /// What a query sees.
    @Param({"causal", "local", "sparse-su"})
    public String sparsity;

    private AttentionOperands operands;

    /// Makes operands and refuses to go on with a wrong kernel.
    @Setup
    public void prepare() {
        Sparsity pattern = Sparsity.of(sparsity);
        new AttentionOperands(pattern.over(CHECKED), CHECKED).requireReference();
        operands = new AttentionOperands(pattern.over(context), context);
        operands.requireReferenceRows();
    }

    @Benchmark
    public void heddleForward() {
        operands.forward();
    }

    @Benchmark
    public void heddleBackward() {
        operands.backward();
    }
}
