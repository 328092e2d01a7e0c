package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.KernelCheck.normal;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

@Tag("kernel-width")
class RowKernelsTest {
    private static final int ROWS = 7;

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 63, 64, 500, 1000, 4098, 20_000})
    void sumsEqualReference(int cols) {
        int n = ROWS * cols;
        KernelCheck check = KernelCheck.of("sums of " + cols).scale(Math.sqrt(cols)).inputs(normal(1, n));
        check.outputs(ROWS).run((k, in, out) -> k.sumCols(in[0], out[0], ROWS, cols));
        check.outputs(cols).run((k, in, out) -> k.sumRows(in[0], out[0], ROWS, cols));
        check.outputs(ROWS).run((k, in, out) -> k.sumRows(in[0], out[0], cols, ROWS));
        check.scale(Math.sqrt(n)).outputs(-1).run((k, in, out) -> k.affine(in[0], 0, k.sum(in[0], n), out[0], 1));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 63, 64, 500, 1000, 4098, 20_000})
    void softmaxEqualsReference(int cols) {
        int n = ROWS * cols;
        KernelCheck check =
                KernelCheck.of("softmax of " + cols)
                        .tolerance(4e-6 + 2e-10 * cols)
                        .scale(1e-30)
                        .inputs(normal(2, n, 4), normal(3, n));
        check.outputs(n).run((k, in, out) -> k.softmax(in[0], out[0], ROWS, cols));
        check.outputs(-1).run((k, in, out) -> k.softmax(in[0], out[0], ROWS, cols));
        check.scale(16 * Math.sqrt(cols))
                .outputs(-2)
                .run((k, in, out) -> k.softmaxBackward(in[0], in[1], out[0], ROWS, cols));
    }

    @Test
    void softmaxOfMaskedRows() {
        int cols = 37;
        float[] x = normal(4, 4 * cols);
        Arrays.fill(x, 0, cols, Float.NEGATIVE_INFINITY);
        Arrays.fill(x, cols, 2 * cols - 1, Float.NEGATIVE_INFINITY);
        x[2 * cols + 5] = Float.NaN;
        x[3 * cols + 7] = -1e9f;
        KernelCheck.of("masked softmax").inputs(x).outputs(-1).run((k, in, out) -> k.softmax(in[0], out[0], 4, cols));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 6, 8, 13, 16, 25, 65, 500, 1000, 4098, 20_000})
    void crossEntropyEqualsReference(int cols) {
        int n = ROWS * cols;
        int[] targets = {0, cols - 1, 1, -100, cols / 2, cols - 1, cols / 3};
        try (Buffers memory = new Buffers()) {
            long t = memory.ints(targets);
            for (double smoothing : new double[] {0, 0.1}) {
                KernelCheck.of("cross-entropy of " + cols)
                        .scale(10)
                        .inputs(normal(5, n, 3))
                        .outputs(ROWS, ROWS, -1)
                        .run(
                                (k, in, out) -> {
                                    k.crossEntropy(in[0], t, -100, smoothing, out[0], out[1], ROWS, cols);
                                    k.crossEntropyBackward(in[0], t, out[1], -100, smoothing, 0.7, in[0], ROWS, cols);
                                });
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 63, 64, 500, 1000, 4098, 20_000})
    void layerNormEqualsReference(int cols) {
        int n = ROWS * cols;
        KernelCheck check =
                KernelCheck.of("layer norm of " + cols)
                        .tolerance(2e-5)
                        .inputs(normal(6, n), normal(7, cols), normal(8, cols), normal(9, n));
        check.outputs(n, ROWS, ROWS)
                .run((k, in, out) -> k.layerNorm(in[0], in[1], in[2], 1e-5, out[0], out[1], out[2], ROWS, cols));
        check.outputs(-1).run((k, in, out) -> k.layerNorm(in[0], in[1], 0, 1e-5, out[0], 0, 0, ROWS, cols));
        check.outputs(-1).run((k, in, out) -> k.layerNorm(in[0], 0, in[2], 1e-5, out[0], 0, 0, ROWS, cols));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6, 8, 13, 16, 25, 63, 64, 500, 1000, 4098, 20_000})
    void layerNormBackwardEqualsReference(int cols) {
        int n = ROWS * cols;
        float[] mean = normal(1, ROWS, 0.1);
        float[] rstd = {1, 0.5f, 2, 1.5f, 0.25f, 3, 1.25f};
        KernelCheck check =
                KernelCheck.of("layer norm backward of " + cols)
                        .tolerance(1e-5)
                        .scale(10)
                        .inputs(normal(6, n), normal(7, cols), mean, rstd, normal(9, n));
        check.outputs(-5, cols, cols)
                .run(
                        (k, in, out) ->
                                k.layerNormBackward(
                                        in[0], in[1], in[2], in[3], in[4], out[0], out[1], out[2], ROWS, cols));
        check.outputs(n)
                .run((k, in, out) -> k.layerNormBackward(in[0], 0, in[2], in[3], in[4], out[0], 0, 0, ROWS, cols));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 63, 64, 500, 1000, 4098, 20_000})
    void rmsNormEqualsReference(int cols) {
        int n = ROWS * cols;
        KernelCheck check =
                KernelCheck.of("RMS norm of " + cols)
                        .tolerance(1e-5)
                        .inputs(normal(6, n), normal(7, cols), normal(9, n));
        check.outputs(n, ROWS).run((k, in, out) -> k.rmsNorm(in[0], in[1], 1, 1e-6, out[0], out[1], ROWS, cols));
        check.outputs(-1).run((k, in, out) -> k.rmsNorm(in[0], 0, 0, 1e-6, out[0], 0, ROWS, cols));
        check.scale(10)
                .outputs(ROWS, n, -3, cols)
                .run(
                        (k, in, out) -> {
                            k.rmsNorm(in[0], in[1], 0, 1e-6, out[1], out[0], ROWS, cols);
                            k.rmsNormBackward(in[0], in[1], 0, out[0], in[2], out[2], out[3], ROWS, cols);
                        });
    }

    @Test
    void columnSumsOverManyRowsEqualReference() {
        int rows = 30_011;
        int cols = 3;
        float[] rstd = new float[rows];
        Arrays.fill(rstd, 0.5f);
        KernelCheck.of("weight gradient over many rows")
                .scale(Math.sqrt(rows))
                .inputs(normal(1, rows * cols), rstd, normal(2, rows * cols))
                .outputs(-3, cols, cols)
                .run(
                        (k, in, out) -> {
                            k.sumRows(in[2], out[2], rows, cols);
                            k.rmsNormBackward(in[0], 0, 0, in[1], in[2], out[0], out[1], rows, cols);
                        });
    }
}
