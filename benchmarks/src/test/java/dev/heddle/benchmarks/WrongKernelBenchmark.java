package dev.heddle.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/// A kernel that is fast and wrong.
@State(Scope.Benchmark)
public class WrongKernelBenchmark {
    /// Checks as every benchmark does.
    @Setup
    public void prepare() {
        Close.require("sum", new float[] {heddle()}, new float[] {4});
    }

    @Benchmark
    public float heddle() {
        return 5;
    }
}
