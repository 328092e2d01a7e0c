package dev.heddle.attention.compressed;

import dev.heddle.attention.Attention;
import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;

/// The L layer of T-DMCA: multi-head attention within a block of tokens, and the block before it if wanted.
///
/// Parameters: those of [Attention] under `attention`. The state forgets blocks that no later token sees, so it never
/// holds more than one or two.
public final class LocalBlockAttention extends TdmcaLayer {
    private final LocalBlocks blocks;
    private final Attention attention;

    LocalBlockAttention(int width, int heads, LocalBlocks blocks, double residualScale, Seed seed) {
        super(width, heads);
        this.blocks = blocks;
        attention = child("attention", Attention.multiHead(heads).pattern(blocks).create(width, residualScale, seed));
    }

    /// Such a layer for any width that the heads divide.
    ///
    /// @throws ConfigException when it is made, if they do not
    public static TokenMixer.Factory of(int heads, LocalBlocks blocks) {
        return (width, residualScale, seed) -> new LocalBlockAttention(width, heads, blocks, residualScale, seed);
    }

    /// `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    @Override
    public Tensor forward(Tensor x) {
        return attention.forward(x);
    }

    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        requireRecurrent(batch, capacity);
        int room = (int) Math.min(capacity, blocks.span());
        return new TdmcaState(this, attention.start(batch, room, dtype), List.of(), 0);
    }

    /// The next tokens, block by block.
    ///
    /// @throws InputException if the state was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        check(x);
        TdmcaState before = TdmcaState.of(this, state, x);
        KeyValueCache cache = before.columns();
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        do {
            cache = withoutPast(cache);
            int room = blocks.length() - cache.length() % blocks.length();
            int to = (int) Math.min((long) from + room, x.dim(1));
            Step step = attention.advance(Layout.slice(x, 1, from, to), cache);
            parts.add(step.y());
            cache = (KeyValueCache) step.state();
            from = to;
        } while (from < x.dim(1));
        Tensor y = Layout.concatenate(1, parts.toArray(Tensor[]::new));
        return new Step(y, before.after(cache, List.of(), 0, x.dim(1)));
    }

    // Blocks are alike: a cache that starts with a later block sees what the whole one would.
    private KeyValueCache withoutPast(KeyValueCache cache) {
        int held = cache.length();
        if (held < blocks.span()) {
            return cache;
        }
        Tensor keys = cache.keyMemory();
        KeyValueCache fresh = attention.start(cache.batch(), held, keys.dtype());
        int gone = held - blocks.reach() * blocks.length();
        return fresh.append(Layout.slice(keys, 1, gone, held), Layout.slice(cache.valueMemory(), 1, gone, held));
    }

    @Override
    public boolean isRecurrent() {
        return true;
    }

    @Override
    public AttentionPattern pattern(int length) {
        return blocks;
    }

    @Override
    public int columns(int length) {
        return length;
    }

    @Override
    long projections(int length) {
        return 4L * length * width() * width();
    }

    @Override
    public long stateElements(int length) {
        long held = length;
        if (length > blocks.span()) {
            held = (long) blocks.reach() * blocks.length() + (length - 1) % blocks.length() + 1;
        }
        return 2 * held * width();
    }
}
