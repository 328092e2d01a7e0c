package dev.heddle.benchmarks;

import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.TimeValue;

import java.util.List;
import java.util.concurrent.TimeUnit;

/// How long a benchmark warms up and is measured: what the command line says, else what the benchmark's own annotations
/// say, else what suits a kernel.
record Effort(int forks, int warmUps, TimeValue warmUp, int measurements, TimeValue measurement) {
    // Eight seconds in all: so long may pass until a kernel runs in code of the last compiler.
    private static final int WARM_UPS = 2;
    private static final TimeValue WARM_UP = TimeValue.seconds(4);
    private static final int MEASUREMENTS = 5;
    private static final TimeValue MEASUREMENT = TimeValue.seconds(1);
    private static final long SHORTEST_MILLIS = 50;

    /// What a round of the quick profile may take.
    static final int BUDGET_SECONDS = 540;

    private static final double START_SECONDS = 3;

    /// @param share of the times that the command line leaves open, from 0 to 1; each stays 50 ms or more
    static Effort of(BenchmarkListEntry benchmark, Options given, double share) {
        return new Effort(
                given.getForkCount().orElse(benchmark.getForks().orElse(1)),
                given.getWarmupIterations().orElse(benchmark.getWarmupIterations().orElse(WARM_UPS)),
                given.getWarmupTime().orElse(cut(benchmark.getWarmupTime().orElse(WARM_UP), share)),
                given.getMeasurementIterations().orElse(benchmark.getMeasurementIterations().orElse(MEASUREMENTS)),
                given.getMeasurementTime().orElse(cut(benchmark.getMeasurementTime().orElse(MEASUREMENT), share)));
    }

    private static TimeValue cut(TimeValue time, double share) {
        long millis = time.convertTo(TimeUnit.MILLISECONDS);
        return TimeValue.milliseconds(Math.max(Math.min(SHORTEST_MILLIS, millis), Math.round(millis * share)));
    }

    /// How much of the time that a round asks for the budget leaves it, from 0 to 1.
    static double share(List<Effort> round) {
        double left = BUDGET_SECONDS - START_SECONDS * round.size();
        return Math.clamp(left / seconds(round), 0, 1);
    }

    static double seconds(List<Effort> round) {
        return round.stream().mapToDouble(Effort::seconds).sum();
    }

    /// Without what starting and checking takes.
    private double seconds() {
        long millis =
                warmUps * warmUp.convertTo(TimeUnit.MILLISECONDS)
                        + measurements * measurement.convertTo(TimeUnit.MILLISECONDS);
        return Math.max(forks, 1) * millis / 1000.0;
    }

    /// Asks JMH for it.
    void choose(ChainedOptionsBuilder options) {
        options.forks(forks);
        options.warmupIterations(warmUps).warmupTime(warmUp);
        options.measurementIterations(measurements).measurementTime(measurement);
    }
}
