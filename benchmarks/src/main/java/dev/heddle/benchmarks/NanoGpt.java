package dev.heddle.benchmarks;

import dev.heddle.attention.TokenMixer;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.tensor.Seed;
import dev.heddle.mlp.Mlp;
import dev.heddle.models.DecoderStack;
import dev.heddle.positional.Learned;

/// nanoGPT's character model without biases.
final class NanoGpt {
    static final int VOCABULARY = 65;

    private NanoGpt() {}

    /// @param context the most tokens
    static DecoderStack stack(int depth, int width, int context, TokenMixer.Factory mixer) {
        return DecoderStack.builder()
                .vocabulary(VOCABULARY)
                .width(width)
                .depth(depth)
                .mixer(mixer)
                .feedForward(Mlp.hidden(4 * width).activation(Activation.GELU).bias(false))
                .norm(size -> new LayerNorm(size, 1e-5, true, false))
                .position(Learned.max(context))
                .build(Seed.of(1));
    }
}
