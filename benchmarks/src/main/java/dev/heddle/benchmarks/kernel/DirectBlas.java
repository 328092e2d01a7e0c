package dev.heddle.benchmarks.kernel;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.presets.openblas_nolapack;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/// OpenBLAS called directly, with its own threads: the peer of Heddle's products.
final class DirectBlas {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong POINTER = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final int ROW_MAJOR = 101;
    private static final int PLAIN = 111;
    private static final int TRANSPOSED = 112;

    private static final SymbolLookup LIBRARY =
            SymbolLookup.libraryLookup(
                    Path.of(Loader.load(openblas_nolapack.class))
                            .resolveSibling(System.mapLibraryName("openblas") + ".0"),
                    Arena.global());
    private static final MethodHandle SET_THREADS =
            Linker.nativeLinker()
                    .downcallHandle(LIBRARY.findOrThrow("openblas_set_num_threads"), FunctionDescriptor.ofVoid(INT));
    private static final MethodHandle SGEMM =
            Linker.nativeLinker()
                    .downcallHandle(
                            LIBRARY.findOrThrow("cblas_sgemm"),
                            FunctionDescriptor.ofVoid(
                                    INT, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER,
                                    INT));

    private DirectBlas() {}

    static void setThreads(int threads) {
        try {
            SET_THREADS.invokeExact(threads);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /// `C[m, n] = A[m, k] · B[n, k]ᵀ`.
    static void sgemm(int m, int n, int k, long a, long b, long c) {
        try {
            SGEMM.invokeExact(ROW_MAJOR, PLAIN, TRANSPOSED, m, n, k, 1f, a, k, b, k, 0f, c, n);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
