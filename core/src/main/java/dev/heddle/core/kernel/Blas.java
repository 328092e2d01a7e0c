package dev.heddle.core.kernel;

/// Matrix products on row-major data at raw addresses, through OpenBLAS.
///
/// `transA` and `transB` say that the stored matrix is the transpose of the factor: with `transB` a weight
/// `[out, in]` is used as it lies. Leading dimensions and strides are in elements. Work is cut into panels whose sizes
/// depend on the shapes only, each multiplied on one thread, so the result has the same bits on any number of threads.
public abstract sealed class Blas {
    private static final Blas SINGLE = new Single();
    private static final Blas DOUBLE = new Double();

    /// Multiply-adds below which a product is not worth handing to another thread (about 40 µs).
    private static final long SPLIT_WORK = 1 << 21;

    /// Rows or columns of a panel. Every panel packs the whole other matrix again, which costs 1 to 4 % at 512 and 20 % at
    /// 64; an even number of panels keeps two or more cores equally busy.
    private static final int PANEL = 512;

    private static final int MAX_PANELS = 32;

    /// Products from which on they are shared out whole, each on one thread.
    private static final int MANY_PRODUCTS = 4;

    /// Multiply-adds of one task of small products (about 5 µs).
    private static final long BATCH_WORK = 1 << 18;

    /// Rows up to which a weight matrix is read once for each of them: OpenBLAS would copy it first.
    private static final int FEW_ROWS = 6;

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
        boolean plainProduct = !transA && transB && ldb == k && alpha == 1 && beta == 0;
        if (plainProduct && m <= FEW_ROWS && rows(m, n, k, a, lda, b, c, ldc)) {
            return;
        }
        ensureSingleThreaded();
        if ((long) m * n * k < SPLIT_WORK) {
            product(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        } else if (m >= n) {
            int height = panel(m);
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
            int width = panel(n);
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
        if (batch == 1 || (batch < MANY_PRODUCTS && work >= SPLIT_WORK)) {
            for (int i = 0; i < batch; i++) {
                gemm(transA, transB, m, n, k, alpha, places.a(i), lda, places.b(i), ldb, beta, places.c(i), ldc);
            }
            return;
        }
        ensureSingleThreaded();
        long grain = Math.max(1, BATCH_WORK / Math.max(1, work));
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

    /// `C = A · Bᵀ` for few rows of A, each as a matrix-vector product; false if there is no fast one.
    abstract boolean rows(int m, int n, int k, long a, int lda, long b, long c, int ldc);

    /// The address `elements` after `base`.
    abstract long at(long base, long elements);

    /// ND4J sets the library's thread count when it starts, whenever that is.
    private static void ensureSingleThreaded() {
        if (OpenBlas.threads() != 1) {
            OpenBlas.setThreads(1);
        }
    }

    /// The size of a panel: a whole number of the micro-kernel's rows or columns.
    private static int panel(int size) {
        int panels = Math.clamp(2L * (size / (2 * PANEL)), 2, MAX_PANELS);
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
        boolean rows(int m, int n, int k, long a, int lda, long b, long c, int ldc) {
            Kernels kernels = KernelProvider.f32();
            if (kernels instanceof ScalarKernels) {
                return false;
            }
            for (int i = 0; i < m; i++) {
                kernels.matVec(b, at(a, (long) i * lda), 0, at(c, (long) i * ldc), n, k);
            }
            return true;
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
        boolean rows(int m, int n, int k, long a, int lda, long b, long c, int ldc) {
            return false;
        }

        @Override
        long at(long base, long elements) {
            return base + elements * java.lang.Double.BYTES;
        }
    }
}
