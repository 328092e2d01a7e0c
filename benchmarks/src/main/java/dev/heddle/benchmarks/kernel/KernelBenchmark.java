package dev.heddle.benchmarks.kernel;

import ai.djl.ndarray.NDArray;

import dev.heddle.benchmarks.Close;
import dev.heddle.benchmarks.peer.Torch;
import dev.heddle.core.tensor.Tensor;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

import java.util.concurrent.TimeUnit;

/// One fused kernel on 1024² floats (the matrix-vector product: 2048²) beside the same in PyTorch, with as many
/// threads.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class KernelBenchmark {
    /// The kernel.
    @Param({"softmax", "layerNorm", "gelu", "silu", "crossEntropy", "rotary", "matVec"})
    public String kernel;

    private Operation operation;
    private Torch torch;
    private Torch.Function function;
    private NDArray[] arguments;

    /// Makes operands and refuses to go on where the two results differ.
    @Setup
    public void prepare() {
        operation = Operation.of(kernel);
        torch = new Torch();
        function = torch.function(operation.parameters(), operation.expression());
        arguments = operation.arguments().stream().map(torch::copy).toArray(NDArray[]::new);
        operation.heddle().run();
        try (NDArray expected = function.apply(arguments)) {
            Tensor actual = operation.result();
            Close.require(kernel, actual.toFloats(), expected.toFloatArray());
        }
    }

    @Benchmark
    public void heddle() {
        operation.heddle().run();
    }

    @Benchmark
    public void torch() {
        function.apply(arguments).close();
    }

    /// Ends PyTorch's part.
    @TearDown
    public void close() {
        for (NDArray argument : arguments) {
            argument.close();
        }
        function.close();
        torch.close();
    }
}
