package dev.heddle.attention;

import dev.heddle.core.error.InputException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// The keys and values of those tokens that a later query may still see: a [KeyValueCache] that forgets the oldest, as a
/// value.
///
/// Forgotten tokens stay in memory until they outnumber the rest; the rest is then copied. So a token is copied at most
/// once on average, and memory is at most about twice what is held.
public final class RecentTokens implements MixerState {
    private final Object owner;
    private final KeyValueCache cache;
    private final int start;
    private final int first;

    private RecentTokens(Object owner, KeyValueCache cache, int start, int first) {
        this.owner = owner;
        this.cache = cache;
        this.start = start;
        this.first = first;
    }

    /// No tokens yet. The parameters are those of [KeyValueCache#empty].
    public static RecentTokens empty(Object owner, Shape keys, Shape values, DType dtype) {
        return new RecentTokens(owner, KeyValueCache.empty(owner, keys, values, dtype), 0, 0);
    }

    /// The state as the one that `mixer` can continue with `x`.
    ///
    /// @throws InputException if it was started by another layer or for another batch
    public static RecentTokens of(Object mixer, MixerState state, Tensor x) {
        if (!(state instanceof RecentTokens recent)) {
            throw new InputException("cache: it was started by another layer; use one from this layer's start");
        }
        KeyValueCache.of(mixer, recent.cache, x);
        return recent;
    }

    /// With more tokens: `[B, n, G, Dk]` and `[B, n, G, Dv]`.
    public RecentTokens append(Tensor keys, Tensor values) {
        return new RecentTokens(owner, cache.append(keys, values), start, first);
    }

    /// Without the tokens before `position`.
    public RecentTokens forgetBefore(int position) {
        int from = Math.max(first, Math.min(position, length()));
        int forgotten = from - start;
        int rest = length() - from;
        return forgotten <= rest
                ? new RecentTokens(owner, cache, start, from)
                : new RecentTokens(owner, copied(forgotten), from, from);
    }

    private KeyValueCache copied(int forgotten) {
        Tensor keys = cache.keyMemory();
        Tensor values = cache.valueMemory();
        KeyValueCache copy = KeyValueCache.empty(owner, keys.shape(), values.shape(), keys.dtype());
        int end = cache.length();
        return forgotten == end
                ? copy
                : copy.append(Layout.slice(keys, 1, forgotten, end), Layout.slice(values, 1, forgotten, end));
    }

    @Override
    public int length() {
        return start + cache.length();
    }

    @Override
    public int batch() {
        return cache.batch();
    }

    @Override
    public long elements() {
        return cache.length() == 0 ? 0 : cache.elements() / cache.length() * (length() - first);
    }

    /// The position of the first token in memory.
    public int start() {
        return start;
    }

    /// The tokens in memory, forgotten ones included.
    public int inMemory() {
        return cache.length();
    }

    /// The memory of the keys, of which the first [#inMemory()] tokens of each sequence are this state's.
    public Tensor keyMemory() {
        return cache.keyMemory();
    }

    /// The memory of the values, likewise.
    public Tensor valueMemory() {
        return cache.valueMemory();
    }
}
