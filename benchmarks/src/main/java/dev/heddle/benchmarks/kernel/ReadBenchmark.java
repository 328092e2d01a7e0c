package dev.heddle.benchmarks.kernel;

import dev.heddle.benchmarks.Close;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;

/// A square matrix times one token beside a plain Vector API read of the same bytes on the same threads.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameters, and prepare() the rest.
public class ReadBenchmark {
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

    /// Rows and columns.
    @Param({"2048", "4096"})
    public int size;

    private Operation operation;
    private long matrix;
    private final float[] sums = new float[64];

    /// Makes operands and refuses to go on with a wrong product.
    @Setup
    public void prepare() {
        operation = Operation.matVec(size);
        matrix = operation.arguments().getFirst().address();
        float[] w = operation.arguments().getFirst().toFloats();
        float[] x = operation.arguments().getLast().toFloats();
        float[] expected = new float[size];
        for (int r = 0; r < size; r++) {
            double sum = 0;
            for (int c = 0; c < size; c++) {
                sum += (double) w[r * size + c] * x[c];
            }
            expected[r] = (float) sum;
        }
        heddle();
        Close.require(KernelProvider.description(), operation.result().toFloats(), expected);
    }

    @Benchmark
    public void heddle() {
        operation.heddle().run();
    }

    /// Sums the matrix: four chains of vectors a task, 64 tasks.
    @Benchmark
    public float[] plain() {
        long bytes = 4L * size * size / sums.length;
        Parallel.run(sums.length, t -> sums[t] = read(matrix + t * bytes, bytes));
        return sums;
    }

    private static float read(long address, long bytes) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int step = FLOATS.vectorByteSize();
        for (int i = 0; i < bytes; i += 4 * step) {
            a = a.add(FloatVector.fromMemorySegment(FLOATS, Native.ALL, address + i, ByteOrder.nativeOrder()));
            b = b.add(FloatVector.fromMemorySegment(FLOATS, Native.ALL, address + i + step, ByteOrder.nativeOrder()));
            c =
                    c.add(
                            FloatVector.fromMemorySegment(
                                    FLOATS, Native.ALL, address + i + 2L * step, ByteOrder.nativeOrder()));
            d =
                    d.add(
                            FloatVector.fromMemorySegment(
                                    FLOATS, Native.ALL, address + i + 3L * step, ByteOrder.nativeOrder()));
        }
        return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }
}
