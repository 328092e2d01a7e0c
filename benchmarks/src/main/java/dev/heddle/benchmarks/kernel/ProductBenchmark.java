package dev.heddle.benchmarks.kernel;

import dev.heddle.benchmarks.Close;
import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/// A weight times tokens, `X[m, k] · W[n, k]ᵀ`, beside OpenBLAS called directly with as many threads.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class ProductBenchmark {
    /// Rows, columns and inner size.
    @Param({"64x64x64", "768x128x128", "768x512x128", "768x128x512", "512x512x512", "1024x1024x1024", "2048x2048x2048"})
    public String shape;

    private int m;
    private int n;
    private int k;
    private Tensor x;
    private Tensor w;
    private Tensor y;

    /// Makes operands and refuses to go on where the two results differ.
    @Setup
    public void prepare() {
        String[] sizes = shape.split("x");
        m = Integer.parseInt(sizes[0]);
        n = Integer.parseInt(sizes[1]);
        k = Integer.parseInt(sizes[2]);
        x = Operation.normal(1, m, k);
        w = Operation.normal(2, n, k);
        y = Tensor.uninitialised(DType.F32, m, n);
        heddle();
        float[] actual = y.toFloats();
        DirectBlas.setThreads(Parallel.threads());
        openblas();
        float[] expected = y.toFloats();
        for (int i = 0; i < expected.length; i++) {
            actual[i] /= (float) Math.sqrt(k);
            expected[i] /= (float) Math.sqrt(k);
        }
        Close.require("product " + shape, actual, expected);
    }

    @Benchmark
    public void heddle() {
        Blas.f32().gemm(false, true, m, n, k, 1, x.address(), k, w.address(), k, 0, y.address(), n);
    }

    @Benchmark
    public void openblas() {
        DirectBlas.sgemm(m, n, k, x.address(), w.address(), y.address());
    }
}
