package dev.heddle.benchmarks;

import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/// What an operation costs beside its arithmetic: adding two vectors of 8 numbers in a scope, without and with the tape.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@SuppressWarnings("NullAway.Init") // prepare() fills it.
public class TinyOpBenchmark {
    private Tensor x;
    private Tensor leaf;
    private INDArray nd4jX;

    /// Makes the operands and checks both sums.
    @Setup
    public void prepare() {
        float[] values = {1, 2, 3, 4, 5, 6, 7, 8};
        float[] doubled = {2, 4, 6, 8, 10, 12, 14, 16};
        x = Tensor.of(values, 8);
        leaf = Autograd.variable(x);
        nd4jX = Nd4j.createFromArray(values);
        Close.require("add", Arithmetic.add(x, x).toFloats(), doubled);
        Close.require("ND4J's add", nd4jX.add(nd4jX).toFloatVector(), doubled);
    }

    @Benchmark
    public Tensor heddleInference() {
        return add(x);
    }

    @Benchmark
    public Tensor heddleRecorded() {
        return add(leaf);
    }

    private static Tensor add(Tensor operand) {
        try (dev.heddle.core.tensor.Scope _ = dev.heddle.core.tensor.Scope.open()) {
            return Arithmetic.add(operand, operand);
        }
    }

    @Benchmark
    public INDArray nd4jInference() {
        return nd4jX.add(nd4jX);
    }
}
