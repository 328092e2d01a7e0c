package dev.heddle.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.infra.Blackhole;

import java.util.concurrent.TimeUnit;

/// Work whose ratio is known: the peer does ten times as much.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class PairBenchmark {
    @Param({"10000", "30000"})
    public long tokens;

    @Benchmark
    public void heddleWork() {
        Blackhole.consumeCPU(tokens);
    }

    @Benchmark
    public void slowpokeWork() {
        Blackhole.consumeCPU(10 * tokens);
    }

    @Benchmark
    public void heddleAlone() {
        Blackhole.consumeCPU(tokens);
    }
}
