package dev.heddle.attention.compressed;

import dev.heddle.attention.HeadWidth;
import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.OptionalLong;

/// A layer of the Transformer decoder with memory-compressed attention: H heads whose queries see columns, which are
/// tokens or compressed blocks of them, by a pattern.
///
/// Source: arXiv 1801.10198 §4.2.3 and 4.2.4.
public abstract sealed class TdmcaLayer extends TokenMixer permits LocalBlockAttention, MemoryCompressedAttention {
    private final int width;
    private final int heads;
    private final int headWidth;

    TdmcaLayer(int width, int heads) {
        if (heads < 1 || width < 1) {
            throw new ConfigException("heads: " + heads + " of width " + width + "; both must be 1 or more");
        }
        this.width = width;
        this.heads = heads;
        headWidth = HeadWidth.of(width, heads);
    }

    /// The columns that there are for a sequence of `length` tokens.
    public abstract int columns(int length);

    /// Which columns the queries of a sequence of `length` tokens see; all heads see the same.
    public abstract AttentionPattern pattern(int length);

    /// True if tokens can be fed one by one.
    @Override
    public abstract boolean isRecurrent();

    /// Multiply-adds of everything but scores and values.
    abstract long projections(int length);

    /// The state before the first token of a sequence whose length is known.
    ///
    /// @throws ConfigException if this layer looks ahead
    public MixerState startOf(int batch, int length, DType dtype) {
        return start(batch, Math.max(1, length), dtype);
    }

    final void requireRecurrent(int batch, int capacity) {
        if (!isRecurrent()) {
            throw new ConfigException("state: this layer sees later tokens; use a causal one to go token by token");
        }
        KeyValueCache.requireRoom(batch, capacity);
    }

    final void check(Tensor x) {
        MixerInputs.requireTokens(x, width);
    }

    /// Allowed pairs of one head.
    public final long pairs(int length) {
        return pattern(length).pairs(0, length, columns(length));
    }

    /// Pairs of queries and columns.
    @Override
    public final OptionalLong scoredPairs(int length) {
        return OptionalLong.of(heads * pairs(length));
    }

    @Override
    public final long multiplyAdds(int length) {
        return projections(length) + core(length);
    }

    private long core(int length) {
        return 2 * pairs(length) * width;
    }

    /// The share of [#multiplyAdds(int)] that the kernel may add to fill up its tiles.
    final double padding(int length) {
        int columns = columns(length);
        if (columns == 0) {
            return 0;
        }
        AttentionShape shape = new AttentionShape(1, heads, heads, length, columns, headWidth(), headWidth());
        double more = (double) TiledWork.multiplyAdds(shape, pattern(length)) - core(length);
        return more / multiplyAdds(length);
    }

    /// The model width D.
    public final int width() {
        return width;
    }

    /// Query heads, H.
    public final int heads() {
        return heads;
    }

    /// The width of a head, D/H.
    public final int headWidth() {
        return headWidth;
    }
}
