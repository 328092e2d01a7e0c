package dev.heddle.attention.compressed;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Collections;
import java.util.List;

/// The M layer of T-DMCA: every token attends to a memory in which a strided convolution has made one column out of f
/// tokens. Scores cost N²/f instead of N².
///
/// A causal token sees the columns of the blocks that have closed, and a leading column that stands for no block. The
/// state holds these columns' keys and values, and fewer than f tokens that wait for their block to close.
///
/// Source: arXiv 1801.10198 §4.2.4.
public abstract sealed class MemoryCompressedAttention extends TdmcaLayer
        permits InputCompressedAttention, KeyValueCompressedAttention {
    private final MemoryCompression spec;

    MemoryCompressedAttention(MemoryCompression spec, int width) {
        super(width, spec.heads());
        this.spec = spec;
    }

    /// What is made of tokens.
    ///
    /// @param q `[B, N, D]`
    /// @param streams what is compressed, each `[B, N, D]`
    record Projected(Tensor q, List<Tensor> streams) {}

    /// Keys and values, `[B, columns, D]` each.
    record Columns(Tensor k, Tensor v) {}

    abstract Projected project(Tensor x);

    /// The columns of the first `blocks` blocks of the streams, behind the leading one if `leads`. At least one is asked
    /// for.
    abstract Columns compress(List<Tensor> streams, boolean leads, int blocks);

    /// `[B, N, D]`, the joined heads, to the output.
    abstract Tensor finish(Tensor heads);

    /// Zeros that precede the tokens, so that blocks end where the sequence ends.
    abstract int zerosBefore(int length);

    /// 1 if a block is seen by the token that closes it.
    abstract int closing();

    abstract int streams();

    /// `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    @Override
    public Tensor forward(Tensor x) {
        check(x);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        int length = x.dim(1);
        Projected p = project(x);
        if (columns(length) == 0) {
            return finish(Tensor.zeros(x.dtype(), x.shape()));
        }
        List<Tensor> streams = p.streams().stream().map(s -> behindZeros(s, zerosBefore(length))).toList();
        Columns c = compress(streams, spec.lead(), columns(length) - lead());
        AttentionOptions options = options(pattern(length));
        return finish(join(ScaledDotProduct.attend(split(p.q()), split(c.k()), split(c.v()), options).y()));
    }

    private static Tensor behindZeros(Tensor stream, int count) {
        if (count == 0) {
            return stream;
        }
        Tensor zeros = Tensor.zeros(stream.dtype(), stream.shape().with(1, count));
        return Layout.concatenate(1, zeros, stream);
    }

    /// The state before a sequence whose first block starts with its first token.
    ///
    /// @throws ConfigException if this layer is not causal
    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        return start(batch, capacity, 0, dtype);
    }

    /// The state before a sequence of known length. Where blocks end with the sequence, its first block is filled up with
    /// zeros, as in [#forward(Tensor)].
    ///
    /// @throws ConfigException if this layer is not causal
    @Override
    public MixerState startOf(int batch, int length, DType dtype) {
        return start(batch, Math.max(1, length), zerosBefore(length), dtype);
    }

    private MixerState start(int batch, int capacity, int zeros, DType dtype) {
        requireRecurrent(batch, capacity);
        Shape shape = Shape.of(batch, 1 + capacity / spec.factor(), heads(), headWidth());
        KeyValueCache columns = KeyValueCache.empty(this, shape, shape, dtype);
        Tensor waiting = Tensor.zeros(dtype, batch, zeros, width());
        TdmcaState empty = new TdmcaState(this, columns, List.of(), 0);
        return empty.after(columns, Collections.nCopies(streams(), waiting), 0, 0);
    }

    /// The next tokens: a block that they close is compressed and appended. Gradients do not flow through a state.
    ///
    /// @throws InputException if the state was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        check(x);
        TdmcaState before = TdmcaState.of(this, state, x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape()), before);
        }
        Projected p = project(x);
        List<Tensor> streams = before.followedBy(p.streams());
        int waiting = streams.getFirst().dim(1);
        int blocks = waiting / spec.factor();
        boolean leads = spec.lead() && before.length() == 0;
        KeyValueCache columns = before.columns();
        if (leads || blocks > 0) {
            Columns c = compress(streams, leads, blocks);
            columns = columns.append(split(c.k()), split(c.v()));
        }
        int closed = blocks * spec.factor();
        Tensor heads = attendCached(p.q(), columns, waiting - closed);
        return new Step(finish(heads), before.after(columns, streams, closed, x.dim(1)));
    }

    private Tensor attendCached(Tensor q, KeyValueCache columns, int rest) {
        int count = columns.length();
        if (count == 0) {
            return Tensor.zeros(q.dtype(), q.shape());
        }
        AttentionPattern pattern = CompressedColumns.of(spec.factor(), lead(), count - lead(), rest, closing());
        return join(
                ScaledDotProduct.attendCached(
                                split(q), columns.keyMemory(), columns.valueMemory(), count, options(pattern))
                        .y());
    }

    private AttentionOptions options(AttentionPattern pattern) {
        int scaledBy = spec.scaledByModelWidth() ? width() : headWidth();
        return AttentionOptions.of(pattern).scaled(1 / Math.sqrt(scaledBy));
    }

    private Tensor split(Tensor x) {
        return Layout.reshape(x, x.dim(0), x.dim(1), heads(), headWidth());
    }

    private Tensor join(Tensor heads) {
        return Layout.reshape(heads, heads.dim(0), heads.dim(1), width());
    }

    @Override
    public boolean isRecurrent() {
        return spec.causal();
    }

    @Override
    public AttentionPattern pattern(int length) {
        if (!spec.causal()) {
            return Patterns.full();
        }
        int tokens = length + zerosBefore(length);
        return CompressedColumns.of(spec.factor(), lead(), tokens / spec.factor(), tokens % spec.factor(), closing());
    }

    @Override
    public int columns(int length) {
        return length == 0 ? 0 : lead() + blocks(length);
    }

    final int blocks(int length) {
        return (length + zerosBefore(length)) / spec.factor();
    }

    private int lead() {
        return spec.lead() ? 1 : 0;
    }

    @Override
    public long stateElements(int length) {
        long waiting = ((long) length + zerosBefore(length)) % spec.factor();
        return (2L * columns(length) + streams() * waiting) * width();
    }

    /// What this was made from.
    public MemoryCompression spec() {
        return spec;
    }
}
