package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.KernelCheck.normal;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("kernel-width")
class MatrixKernelsTest {

    @ParameterizedTest
    @CsvSource({"1,1", "4,4", "6,13", "8,8", "13,6", "25,16", "3,4098", "4098,5", "129,1000", "64,64", "31,33"})
    void matVecEqualsReference(int rows, int cols) {
        KernelCheck check =
                KernelCheck.of("matrix " + rows + "×" + cols + " by vector")
                        .scale(Math.sqrt(cols))
                        .inputs(normal(1, rows * cols), normal(2, cols), normal(3, rows))
                        .outputs(rows);
        check.run((k, in, out) -> k.matVec(in[0], in[1], in[2], out[0], rows, cols));
        check.run((k, in, out) -> k.matVec(in[0], in[1], 0, out[0], rows, cols));
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "3,4,4", "2,6,13", "5,13,6", "1,300,257", "2,17,2000", "1,2000,17"})
    void transposeEqualsReference(int batch, int rows, int cols) {
        int n = batch * rows * cols;
        KernelCheck.of("transpose " + batch + "×" + rows + "×" + cols)
                .tolerance(0)
                .inputs(normal(1, n))
                .outputs(n)
                .run((k, in, out) -> k.transpose(in[0], out[0], batch, rows, cols));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 100, 1000, 4098})
    void gatherAndScatterEqualReference(int cols) {
        int[] index = {3, 0, 3, 10, 3, 1, 1, 9, 10, 3, 0};
        try (Buffers memory = new Buffers()) {
            long at = memory.ints(index);
            KernelCheck.of("gather and scatter rows of " + cols)
                    .inputs(normal(1, 11 * cols), normal(2, 11 * cols))
                    .outputs(11 * cols, -1)
                    .run(
                            (k, in, out) -> {
                                k.gatherRows(in[0], at, out[0], 11, cols);
                                k.scatterAddRows(in[1], at, out[1], 11, cols);
                            });
        }
    }

    @ParameterizedTest
    @CsvSource({
        "2,2", "4,4", "6,6", "8,8", "13,6", "16,16", "25,10", "32,32", "64,64", "64,32", "128,128", "100,34", "96,66"
    })
    void rotaryEqualsReference(int width, int rotary) {
        int tokens = 11;
        int positions = 5;
        int heads = 3;
        int n = tokens * heads * width;
        for (boolean interleaved : new boolean[] {false, true}) {
            for (boolean inverse : new boolean[] {false, true}) {
                KernelCheck check =
                        KernelCheck.of("rotary " + rotary + " of " + width)
                                .inputs(
                                        normal(1, n),
                                        normal(2, positions * rotary / 2),
                                        normal(3, positions * rotary / 2));
                check.outputs(n)
                        .run(
                                (k, in, out) ->
                                        k.rotary(
                                                in[0],
                                                out[0],
                                                in[1],
                                                in[2],
                                                tokens,
                                                positions,
                                                heads,
                                                width,
                                                rotary,
                                                interleaved,
                                                inverse));
                check.outputs(-1)
                        .run(
                                (k, in, out) ->
                                        k.rotary(
                                                in[0],
                                                out[0],
                                                in[1],
                                                in[2],
                                                tokens,
                                                positions,
                                                heads,
                                                width,
                                                rotary,
                                                interleaved,
                                                inverse));
            }
        }
    }
}
