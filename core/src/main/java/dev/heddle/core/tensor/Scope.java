package dev.heddle.core.tensor;

import dev.heddle.core.error.HeddleException;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/// A stretch of work (a training step, a decode step) whose tensors go back to the pool together at its end.
///
/// ```java
/// try (Scope scope = Scope.open()) {
///     Tensor logits = model.forward(tokens);
///     return scope.keep(logits);
/// }
/// ```
///
/// Scopes nest and belong to the thread that opened them. A tensor used after its scope has ended is refused with an
/// error that says so.
public final class Scope implements AutoCloseable {
    private static final ThreadLocal<@Nullable Scope> CURRENT = new ThreadLocal<>();

    private final @Nullable Scope parent;
    private final List<Memory.Buffer> owned = new ArrayList<>();
    private long bytes;
    private long peak;
    private @Nullable Limit limit;

    /// What a scope may hold while some work runs.
    ///
    /// @param bytes of tensors, those counted that it held before
    /// @param refusal the error to throw rather than hold more
    /// @param outer the limit that this one is inside of
    private record Limit(long bytes, Supplier<? extends HeddleException> refusal, @Nullable Limit outer) {}

    private Scope(@Nullable Scope parent) {
        this.parent = parent;
    }

    /// Opens a scope on this thread.
    public static Scope open() {
        Scope scope = new Scope(CURRENT.get());
        CURRENT.set(scope);
        return scope;
    }

    /// Runs `work` as if no scope were open: for memory that outlives the step that happens to allocate it, such as a
    /// cache that grows. The garbage collector returns it.
    public static <T> T outside(Supplier<T> work) {
        Scope scope = CURRENT.get();
        CURRENT.remove();
        try {
            return work.get();
        } finally {
            CURRENT.set(scope);
        }
    }

    /// Runs `work` with no more than `bytes` of new tensors at once: for sizes that an untrusted file asks for. What would
    /// exceed it is refused before it is allocated. Tensors made [#outside] scopes do not count.
    ///
    /// @param refusal the error to throw then
    /// @throws IllegalStateException if no scope is open on this thread
    public static <T> T within(long bytes, Supplier<? extends HeddleException> refusal, Supplier<T> work) {
        Scope scope = CURRENT.get();
        if (scope == null) {
            throw new IllegalStateException("scope: none is open to be limited; open one");
        }
        Limit outer = scope.limit;
        scope.limit = new Limit(scope.bytes + bytes, refusal, outer);
        try {
            return work.get();
        } finally {
            scope.limit = outer;
        }
    }

    static @Nullable Scope current() {
        return CURRENT.get();
    }

    /// Lets a tensor outlive this scope: it moves to the enclosing one or, without one, to the garbage collector.
    /// Tensors that are not of this scope stay where they are.
    public Tensor keep(Tensor tensor) {
        Memory.Buffer buffer = tensor.buffer();
        int index = owned.lastIndexOf(buffer);
        if (index >= 0) {
            owned.set(index, owned.getLast());
            owned.removeLast();
            bytes -= buffer.bytes();
            if (parent == null) {
                buffer.ownedBy(null);
                Memory.handToCollector(buffer);
            } else {
                parent.owned.add(buffer);
                buffer.ownedBy(parent);
            }
        }
        return tensor;
    }

    /// The most bytes that tensors of this scope and of those opened inside it have held at once.
    public long peakBytes() {
        return peak;
    }

    /// Refuses a block that this scope or one around it may not hold.
    void admit(long more) {
        for (Scope scope = this; scope != null; scope = scope.parent) {
            for (Limit each = scope.limit; each != null; each = each.outer) {
                if (more > each.bytes - scope.bytes) {
                    throw each.refusal.get();
                }
            }
        }
    }

    void own(Memory.Buffer buffer) {
        owned.add(buffer);
        buffer.ownedBy(this);
        for (Scope scope = this; scope != null; scope = scope.parent) {
            scope.bytes += buffer.bytes();
            scope.peak = Math.max(scope.peak, scope.bytes);
        }
    }

    void gaveBack(long returned) {
        for (Scope scope = this; scope != null; scope = scope.parent) {
            scope.bytes -= returned;
        }
    }

    /// Returns the scope's tensors to the pool.
    ///
    /// @throws IllegalStateException if an inner scope is still open or the scope belongs to another thread
    @Override
    public void close() {
        if (CURRENT.get() != this) {
            throw new IllegalStateException("scope: closed out of order or on another thread");
        }
        if (parent == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(parent);
        }
        owned.forEach(Memory.Buffer::close);
        owned.clear();
    }
}
