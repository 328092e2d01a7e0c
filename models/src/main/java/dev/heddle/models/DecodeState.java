package dev.heddle.models;

import dev.heddle.attention.MixerState;

import java.util.List;

/// What a [DecoderStack] carries from token to token: the state of every block, as a value. Advancing makes a new one
/// and leaves the old one usable, so a sequence can be forked.
public final class DecodeState {
    private final DecoderStack model;
    private final List<MixerState> blocks;
    private final int batch;
    private final int length;

    DecodeState(DecoderStack model, List<MixerState> blocks, int batch, int length) {
        this.model = model;
        this.blocks = List.copyOf(blocks);
        this.batch = batch;
        this.length = length;
    }

    boolean belongsTo(DecoderStack stack) {
        return model == stack;
    }

    /// The state of every block, the first block first.
    public List<MixerState> blocks() {
        return blocks;
    }

    /// Sequences in the batch.
    public int batch() {
        return batch;
    }

    /// Tokens seen so far.
    public int length() {
        return length;
    }

    /// Numbers held for what has been seen, all sequences and blocks together.
    public long elements() {
        return blocks.stream().mapToLong(MixerState::elements).sum();
    }
}
