package dev.heddle.attention;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.concurrent.atomic.AtomicInteger;

/// The keys and values of the tokens seen so far, as a value: appending makes a new cache and leaves the old one as it
/// was.
///
/// The newest cache of a line shares its memory with those before it and appends in place. Appending to an older one — a
/// fork, in beam search — copies what it holds first. Memory is token-major, `[B, capacity, G, Dh]`, doubles when it is
/// full, and belongs to no [Scope]: it outlives the step that appended to it. Keys are held as the scores need them, that
/// is already rotated.
public final class KeyValueCache implements MixerState {
    private final Object owner;
    private final Store store;
    private final int length;

    private KeyValueCache(Object owner, Store store, int length) {
        this.owner = owner;
        this.store = store;
        this.length = length;
    }

    /// Memory that several caches of one line share.
    private static final class Store {
        final Tensor keys;
        final Tensor values;

        // Tokens that some cache has appended. Whoever moves it owns the tokens it was moved over.
        final AtomicInteger used = new AtomicInteger();

        Store(Tensor keys, Tensor values) {
            this.keys = keys;
            this.values = values;
        }

        static Store allocate(Shape keys, Shape values, DType dtype) {
            return Scope.outside(
                    () -> new Store(Tensor.uninitialised(dtype, keys), Tensor.uninitialised(dtype, values)));
        }

        int capacity() {
            return keys.dim(1);
        }

        Store grown(int length, int capacity) {
            Store other = allocate(keys.shape().with(1, capacity), values.shape().with(1, capacity), keys.dtype());
            copyTokens(keys, length, other.keys, 0);
            copyTokens(values, length, other.values, 0);
            other.used.set(length);
            return other;
        }
    }

    /// An empty cache.
    ///
    /// @param owner who may read it
    /// @param keys `[B, capacity, G, Dk]`
    /// @param values `[B, capacity, G, Dv]`
    /// @throws InputException if there is no sequence, or no room
    public static KeyValueCache empty(Object owner, Shape keys, Shape values, DType dtype) {
        requireRoom(keys.dim(0), keys.dim(1));
        return new KeyValueCache(owner, Store.allocate(keys, values, dtype), 0);
    }

    /// @throws InputException if there is no sequence, or no room
    public static void requireRoom(int batch, int capacity) {
        if (batch < 1 || capacity < 1) {
            throw new InputException("cache: batch " + batch + ", capacity " + capacity + "; both must be 1 or more");
        }
    }

    /// The state as the cache that `mixer` can continue with `x`.
    ///
    /// @throws InputException if it was started by another layer or for another batch
    public static KeyValueCache of(Object mixer, MixerState state, Tensor x) {
        if (!(state instanceof KeyValueCache cache) || cache.owner != mixer) {
            throw new InputException("cache: it was started by another layer; use one from this layer's start");
        }
        if (cache.batch() != x.dim(0)) {
            throw new InputException(
                    "cache: it holds "
                            + cache.batch()
                            + " sequences and the input is "
                            + x.shape()
                            + "; the batch must stay the same");
        }
        return cache;
    }

    /// The cache with more tokens: `[B, n, G, Dk]` and `[B, n, G, Dv]`.
    ///
    /// @throws ShapeException if they are of another batch, number of heads, width or type
    public KeyValueCache append(Tensor keys, Tensor values) {
        check("keys", keys, store.keys);
        check("values", values, store.values);
        int after = Math.addExact(length, keys.dim(1));
        Store target = room(after);
        copyTokens(keys, keys.dim(1), target.keys, length);
        copyTokens(values, keys.dim(1), target.values, length);
        return new KeyValueCache(owner, target, after);
    }

    // This store, if there is room and nobody has appended to it since; else a copy of what this cache holds.
    private Store room(int after) {
        if (after <= store.capacity() && store.used.compareAndSet(length, after)) {
            return store;
        }
        long doubled = 2L * store.capacity();
        int capacity = after <= store.capacity() ? store.capacity() : (int) Math.min(Integer.MAX_VALUE, doubled);
        Store copy = store.grown(length, Math.max(after, capacity));
        copy.used.set(after);
        return copy;
    }

    private static void check(String what, Tensor added, Tensor held) {
        if (added.rank() != 4
                || added.dtype() != held.dtype()
                || !added.shape().with(1, 1).equals(held.shape().with(1, 1))) {
            throw new ShapeException(
                    "cache: new "
                            + what
                            + " "
                            + added
                            + " do not fit; it holds "
                            + held.dtype()
                            + " [B, tokens, heads, width] of "
                            + held.shape().with(1, 1));
        }
    }

    // The first tokens of every sequence of `from`, to token `at` of the same sequence of `to`.
    private static void copyTokens(Tensor from, int tokens, Tensor to, int at) {
        long token = from.shape().product(2, 4) * from.dtype().bytes();
        long source = from.address();
        long target = to.address() + at * token;
        for (int b = 0; b < from.dim(0) && tokens > 0; b++) {
            Native.copy(source + b * (from.dim(1) * token), target + b * (to.dim(1) * token), tokens * token);
        }
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public int batch() {
        return store.keys.dim(0);
    }

    @Override
    public long elements() {
        return (long) batch() * length * (store.keys.shape().product(2, 4) + store.values.shape().product(2, 4));
    }

    /// Tokens that fit before the memory has to grow.
    public int capacity() {
        return store.capacity();
    }

    /// A copy of the keys, `[B, length, G, Dk]`.
    public Tensor keys() {
        return Layout.slice(store.keys, 1, 0, length);
    }

    /// A copy of the values, `[B, length, G, Dv]`.
    public Tensor values() {
        return Layout.slice(store.values, 1, 0, length);
    }

    /// The memory of the keys, of which the first [#length()] tokens of each sequence are this cache's.
    public Tensor keyMemory() {
        return store.keys;
    }

    /// The memory of the values, likewise.
    public Tensor valueMemory() {
        return store.values;
    }
}
