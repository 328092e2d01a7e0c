package dev.heddle.core.kernel;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.jspecify.annotations.Nullable;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// The C functions of the OpenBLAS library that ND4J brings, called without ND4J.
///
/// The library is used single-threaded and Heddle splits the work itself ([Blas]): its own threads would compete with
/// [Parallel]'s, and which bits come out would depend on their number. It is one copy per process, so ND4J's own
/// products are single-threaded too once Heddle has multiplied.
final class OpenBlas {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong POINTER = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;

    private static final int ROW_MAJOR = 101;
    private static final int PLAIN = 111;
    private static final int TRANSPOSED = 112;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup(libraryFile(), Arena.global());

    private static final MethodHandle SGEMM =
            handle(
                    "cblas_sgemm",
                    FunctionDescriptor.ofVoid(
                            INT, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER, INT));
    private static final MethodHandle DGEMM =
            handle(
                    "cblas_dgemm",
                    FunctionDescriptor.ofVoid(
                            INT, INT, INT, INT, INT, INT, DOUBLE, POINTER, INT, POINTER, INT, DOUBLE, POINTER, INT));
    private static final MethodHandle GET_THREADS = handle("openblas_get_num_threads", FunctionDescriptor.of(INT));
    private static final MethodHandle SET_THREADS = handle("openblas_set_num_threads", FunctionDescriptor.ofVoid(INT));
    private static final MethodHandle CONFIG =
            handle("openblas_get_config", FunctionDescriptor.of(ValueLayout.ADDRESS));

    private OpenBlas() {}

    static void sgemm(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            float alpha,
            long a,
            int lda,
            long b,
            int ldb,
            float beta,
            long c,
            int ldc) {
        try {
            SGEMM.invokeExact(ROW_MAJOR, order(transA), order(transB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void dgemm(
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
        try {
            DGEMM.invokeExact(ROW_MAJOR, order(transA), order(transB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static int threads() {
        try {
            return (int) GET_THREADS.invokeExact();
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    static void setThreads(int threads) {
        try {
            SET_THREADS.invokeExact(threads);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// The library's own description: version, options and the processor it took this one for.
    static String configuration() {
        try {
            MemorySegment text = (MemorySegment) CONFIG.invokeExact();
            return text.reinterpret(1024).getString(0);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static int order(boolean transposed) {
        return transposed ? TRANSPOSED : PLAIN;
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LIBRARY.findOrThrow(name), descriptor);
    }

    private static IllegalStateException unexpected(Throwable e) {
        return new IllegalStateException("OpenBLAS: a native call failed", e);
    }

    /// Extracts the library to JavaCPP's cache. On Linux the four files are named outright, which takes a fifth of the
    /// time that loading JavaCPP's own bindings does.
    private static Path libraryFile() {
        try {
            String platform = Loader.getPlatform();
            if (!platform.startsWith("linux")) {
                return besideBindings();
            }
            File library = null;
            for (String name : List.of("libgcc_s.so.1", "libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0")) {
                library =
                        Loader.cacheResource(
                                openblas_nolapack.class, "/org/bytedeco/openblas/" + platform + "/" + name);
            }
            return library == null ? besideBindings() : library.toPath();
        } catch (IOException e) {
            throw missing(e);
        }
    }

    private static Path besideBindings() throws IOException {
        Path bindings = Path.of(Loader.load(openblas_nolapack.class));
        for (String name : List.of("libopenblas.so.0", "libopenblas.0.dylib", "libopenblas.dll")) {
            Path library = bindings.resolveSibling(name);
            if (Files.exists(library)) {
                return library;
            }
        }
        throw missing(null);
    }

    private static IllegalStateException missing(@Nullable Throwable cause) {
        return new IllegalStateException(
                "OpenBLAS: no native library for "
                        + Loader.getPlatform()
                        + "; add org.bytedeco:openblas with that classifier to the class path",
                cause);
    }
}
