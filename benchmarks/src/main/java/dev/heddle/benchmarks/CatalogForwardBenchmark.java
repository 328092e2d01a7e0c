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

/// The forward pass of every catalogue entry: its first example, two sequences of up to 128 tokens.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameter, and prepare() the rest.
public class CatalogForwardBenchmark {
    /// Its id; [Bench] gives those of the catalogue.
    @Param("*")
    public String variant;

    private CatalogCase work;

    /// Builds the variant and checks it.
    @Setup
    public void prepare() {
        work = new CatalogCase(variant);
    }

    @Benchmark
    public void heddle() {
        work.forward();
    }
}
