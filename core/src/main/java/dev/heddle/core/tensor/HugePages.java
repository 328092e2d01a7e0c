package dev.heddle.core.tensor;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/// Memory on huge pages, where Linux grants them to those who ask (`madvise`): heads of a token-major tensor lie kilobytes
/// apart, so that a walk over one head's rows needs a new address translation every other row, unless pages are large.
final class HugePages {
    /// A huge page, and the least that is worth one.
    private static final long PAGE = 1L << 21;

    private static final int MADV_HUGEPAGE = 14;
    private static final @Nullable HugePages INSTANCE = load();

    private final MethodHandle alignedAlloc;
    private final MethodHandle madvise;
    private final MethodHandle free;

    private HugePages(Linker linker, SymbolLookup library) {
        alignedAlloc =
                linker.downcallHandle(
                        library.findOrThrow("aligned_alloc"),
                        FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        madvise =
                linker.downcallHandle(
                        library.findOrThrow("madvise"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_INT));
        free = linker.downcallHandle(library.findOrThrow("free"), FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
    }

    private static @Nullable HugePages load() {
        if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).equals("linux")) {
            return null;
        }
        try {
            Linker linker = Linker.nativeLinker();
            return new HugePages(linker, linker.defaultLookup());
        } catch (RuntimeException | LinkageError e) {
            // Without the calls, for instance where native access is forbidden, pages are as the system likes them.
            return null;
        }
    }

    /// Memory of the arena's lifetime, of unspecified content; null if it is too small or not to be had.
    static @Nullable MemorySegment allocate(long bytes, Arena arena) {
        return INSTANCE == null || bytes < PAGE ? null : INSTANCE.take(bytes, arena);
    }

    private @Nullable MemorySegment take(long bytes, Arena arena) {
        long whole = (bytes + PAGE - 1) / PAGE * PAGE;
        try {
            MemorySegment address = (MemorySegment) alignedAlloc.invokeExact(PAGE, whole);
            if (address.address() == 0) {
                return null;
            }
            // The last page stays small unless it is needed whole. A refusal changes nothing but speed.
            int _ = (int) madvise.invokeExact(address, bytes / PAGE * PAGE, MADV_HUGEPAGE);
            return address.reinterpret(bytes, arena, this::giveBack);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private void giveBack(MemorySegment memory) {
        try {
            free.invokeExact(memory);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
