package dev.heddle.core.kernel;

/// Matrix products on row-major data at raw addresses, through OpenBLAS.
///
/// `transA` and `transB` say that the stored matrix is the transpose of the factor: with `transB` a weight
/// `[out, in]` is used as it lies. Leading dimensions and strides are in elements. Work is cut into panels whose sizes
/// depend on the shapes only, each multiplied on one thread, so the result has the same bits on any number of threads.
public abstract sealed class Blas {
    private static final Blas SINGLE = new Single();
    private static final Blas DOUBLE = new Double();

    /// Multiply-adds below which a product is not worth handing to another thread (about 20 µs).
    private static final long PANEL_WORK = 1 << 20;

    private static final int MAX_PANELS = 16;

    private Blas() {}

    /// Products of 32-bit floats.
    public static Blas f32() {
        return SINGLE;
    }

    /// Products of 64-bit floats.
    public static Blas f64() {
        return DOUBLE;
    }

    /// The library's version, options and the processor it took this one for.
    public static String description() {
        return OpenBlas.configuration();
    }

    /// `C[m, n] = alpha · A[m, k] · B[k, n] + beta · C`; with `beta` 0 the old content of C is not read.
    public final void gemm(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            double alpha,
            long a,
            int lda,
            long b,
            int ldb,
            double beta,
            long c,
            int ldc) {
        if (m == 0 || n == 0) {
            return;
        }
        ensureSingleThreaded();
        int panels = Math.clamp((long) m * n * k / PANEL_WORK, 1, MAX_PANELS);
        if (panels == 1) {
            product(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        } else if (m >= n) {
            int height = panel(m, panels);
            Parallel.run(
                    ceilDiv(m, height),
                    t -> {
                        int from = t * height;
                        long a0 = at(a, transA ? from : (long) from * lda);
                        product(
                                transA,
                                transB,
                                Math.min(height, m - from),
                                n,
                                k,
                                alpha,
                                a0,
                                lda,
                                b,
                                ldb,
                                beta,
                                at(c, (long) from * ldc),
                                ldc);
                    });
        } else {
            int width = panel(n, panels);
            Parallel.run(
                    ceilDiv(n, width),
                    t -> {
                        int from = t * width;
                        long b0 = at(b, transB ? (long) from * ldb : from);
                        product(
                                transA,
                                transB,
                                m,
                                Math.min(width, n - from),
                                k,
                                alpha,
                                a,
                                lda,
                                b0,
                                ldb,
                                beta,
                                at(c, from),
                                ldc);
                    });
        }
    }

    /// Where the matrices of a batch begin.
    public interface Batch {
        /// The address of the i-th A.
        long a(int i);

        /// The address of the i-th B.
        long b(int i);

        /// The address of the i-th C; these do not overlap.
        long c(int i);
    }

    /// `batch` products of one shape at evenly spaced places: the i-th A begins `i · strideA` elements after `a`.
    /// A stride of 0 shares the matrix (not for C).
    public final void gemmBatched(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            double alpha,
            long a,
            int lda,
            long strideA,
            long b,
            int ldb,
            long strideB,
            double beta,
            long c,
            int ldc,
            long strideC,
            int batch) {
        gemmBatched(
                transA,
                transB,
                m,
                n,
                k,
                alpha,
                lda,
                ldb,
                beta,
                ldc,
                batch,
                new Batch() {
                    @Override
                    public long a(int i) {
                        return at(a, i * strideA);
                    }

                    @Override
                    public long b(int i) {
                        return at(b, i * strideB);
                    }

                    @Override
                    public long c(int i) {
                        return at(c, i * strideC);
                    }
                });
    }

    /// `batch` products of one shape at any places.
    public final void gemmBatched(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            double alpha,
            int lda,
            int ldb,
            double beta,
            int ldc,
            int batch,
            Batch places) {
        long work = (long) m * n * k;
        if (batch == 0 || m == 0 || n == 0) {
            return;
        }
        if (batch == 1 || work >= MAX_PANELS * PANEL_WORK) {
            for (int i = 0; i < batch; i++) {
                gemm(transA, transB, m, n, k, alpha, places.a(i), lda, places.b(i), ldb, beta, places.c(i), ldc);
            }
            return;
        }
        ensureSingleThreaded();
        long grain = Math.max(1, PANEL_WORK / Math.max(1, work));
        Parallel.ranges(
                batch,
                grain,
                (from, to) -> {
                    for (int i = (int) from; i < to; i++) {
                        product(
                                transA,
                                transB,
                                m,
                                n,
                                k,
                                alpha,
                                places.a(i),
                                lda,
                                places.b(i),
                                ldb,
                                beta,
                                places.c(i),
                                ldc);
                    }
                });
    }

    /// One product on this thread.
    abstract void product(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            double alpha,
            long a,
            int lda,
            long b,
            int ldb,
            double beta,
            long c,
            int ldc);

    /// The address `elements` after `base`.
    abstract long at(long base, long elements);

    /// ND4J sets the library's thread count when it starts, whenever that is.
    private static void ensureSingleThreaded() {
        if (OpenBlas.threads() != 1) {
            OpenBlas.setThreads(1);
        }
    }

    /// The size of a panel: a whole number of the micro-kernel's rows or columns.
    private static int panel(int size, int panels) {
        return ceilDiv(ceilDiv(size, panels), 16) * 16;
    }

    private static int ceilDiv(int a, int b) {
        return (a + b - 1) / b;
    }

    private static final class Single extends Blas {
        @Override
        void product(
                boolean transA,
                boolean transB,
                int m,
                int n,
                int k,
                double alpha,
                long a,
                int lda,
                long b,
                int ldb,
                double beta,
                long c,
                int ldc) {
            OpenBlas.sgemm(transA, transB, m, n, k, (float) alpha, a, lda, b, ldb, (float) beta, c, ldc);
        }

        @Override
        long at(long base, long elements) {
            return base + elements * Float.BYTES;
        }
    }

    private static final class Double extends Blas {
        @Override
        void product(
                boolean transA,
                boolean transB,
                int m,
                int n,
                int k,
                double alpha,
                long a,
                int lda,
                long b,
                int ldb,
                double beta,
                long c,
                int ldc) {
            OpenBlas.dgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        }

        @Override
        long at(long base, long elements) {
            return base + elements * java.lang.Double.BYTES;
        }
    }
}
