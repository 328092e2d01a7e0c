package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.KernelCheck.normal;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernel-width")
class BlasTest {

    /// `alpha · op(A) · op(B) + beta · C` by the definition.
    private static double[] product(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            float[] a,
            float[] b,
            float[] c,
            double alpha,
            double beta) {
        double[] result = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int l = 0; l < k; l++) {
                    sum += (double) a[transA ? l * m + i : i * k + l] * b[transB ? j * k + l : l * n + j];
                }
                result[i * n + j] = alpha * sum + beta * c[i * n + j];
            }
        }
        return result;
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "1,7,5", "3,4,6", "6,130,31", "7,130,31", "13,25,16", "64,64,64", "17,300,500", "300,17,500"})
    void gemmEqualsItsDefinition(int m, int n, int k) {
        float[] a = normal(1, m * k);
        float[] b = normal(2, n * k);
        float[] c = normal(3, m * n);
        for (int choice = 0; choice < 8; choice++) {
            boolean transA = (choice & 1) != 0;
            boolean transB = (choice & 2) != 0;
            double alpha = (choice & 4) != 0 ? 0.5 : 1;
            double beta = (choice & 4) != 0 ? 2 : 0;
            double[] wanted = product(transA, transB, m, n, k, a, b, c, alpha, beta);
            int lda = transA ? m : k;
            int ldb = transB ? k : n;
            try (Buffers memory = new Buffers()) {
                long c32 = memory.floats(c);
                Blas.f32()
                        .gemm(
                                transA,
                                transB,
                                m,
                                n,
                                k,
                                alpha,
                                memory.floats(a),
                                lda,
                                memory.floats(b),
                                ldb,
                                beta,
                                c32,
                                n);
                long c64 = memory.doubles(c);
                Blas.f64()
                        .gemm(
                                transA,
                                transB,
                                m,
                                n,
                                k,
                                alpha,
                                memory.doubles(a),
                                lda,
                                memory.doubles(b),
                                ldb,
                                beta,
                                c64,
                                n);
                for (int i = 0; i < wanted.length; i++) {
                    double scale = Math.abs(wanted[i]) + Math.sqrt(k);
                    assertThat(Native.getFloat(c32 + 4L * i) / scale).isCloseTo(wanted[i] / scale, within(3e-6));
                    assertThat(Native.getDouble(c64 + 8L * i) / scale).isCloseTo(wanted[i] / scale, within(1e-14));
                }
            }
        }
    }

    private static Offset<Double> within(double tolerance) {
        return Offset.offset(tolerance);
    }

    @Test
    void betaZeroDoesNotReadTheOldContent() {
        try (Buffers memory = new Buffers()) {
            long c = memory.floats(64 * 64);
            long a = memory.floats(normal(1, 64 * 64));
            Blas.f32().gemm(false, false, 64, 64, 64, 1, a, 64, a, 64, 0, c, 64);
            assertThat(Buffers.floatsAt(c, 64 * 64)).doesNotContain(Float.NaN);
        }
    }

    /// A head-major view of token-major data: every head's rows lie `heads · width` apart.
    @Test
    void batchedGemmTakesStridesAndSharedMatrices() {
        int batch = 5;
        int m = 7;
        int n = 11;
        int k = 3;
        float[] a = normal(1, m * batch * k);
        float[] b = normal(2, n * k);
        try (Buffers memory = new Buffers()) {
            long c = memory.floats(batch * m * n);
            Blas.f32()
                    .gemmBatched(
                            false,
                            true,
                            m,
                            n,
                            k,
                            1,
                            memory.floats(a),
                            batch * k,
                            k,
                            memory.floats(b),
                            k,
                            0,
                            0,
                            c,
                            n,
                            (long) m * n,
                            batch);
            for (int h = 0; h < batch; h++) {
                for (int i = 0; i < m; i++) {
                    for (int j = 0; j < n; j++) {
                        double sum = 0;
                        for (int l = 0; l < k; l++) {
                            sum += (double) a[(i * batch + h) * k + l] * b[j * k + l];
                        }
                        assertThat((double) Native.getFloat(c + 4L * ((h * m + i) * n + j)))
                                .isCloseTo(sum, within(1e-5));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"512,512,512", "513,130,517", "130,513,517", "1,600,700", "5,600,700", "768,128,512"})
    void bitsDoNotDependOnTheNumberOfThreads(int m, int n, int k) {
        int threads = Parallel.threads();
        try (Buffers memory = new Buffers()) {
            long a = memory.floats(normal(1, m * k));
            long b = memory.floats(normal(2, n * k));
            float[] first = null;
            for (int t = 1; t <= 3; t++) {
                Parallel.setThreads(t);
                long c = memory.floats(m * n);
                Blas.f32().gemm(false, true, m, n, k, 1, a, k, b, k, 0, c, n);
                float[] result = Buffers.floatsAt(c, m * n);
                first = first == null ? result : first;
                assertThat(result).isEqualTo(first);
            }
        } finally {
            Parallel.setThreads(threads);
        }
    }

    @Test
    void descriptionNamesTheLibrary() {
        assertThat(Blas.description()).startsWith("OpenBLAS");
    }
}
