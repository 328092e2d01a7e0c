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

/// Forward and backward of every catalogue entry that trains: its first example, two sequences of up to 128 tokens.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameter, and prepare() the rest.
public class CatalogTrainingBenchmark {
    /// Its id; [Bench] gives those of the catalogue that train.
    @Param("*")
    public String trained;

    private CatalogCase work;

    /// Builds the variant and checks it.
    @Setup
    public void prepare() {
        work = new CatalogCase(trained);
    }

    @Benchmark
    public Object heddle() {
        return work.forwardBackward();
    }
}
