package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import java.util.function.ObjIntConsumer;

/// The law of every cache: chunk by chunk a layer gives what it gives at once.
public final class Decoding {
    private Decoding() {}

    /// Feeds `x` `[B, N, D]` in chunks and compares each with its part of the whole.
    ///
    /// @param full what the layer gives at once
    /// @param tolerance of the largest difference
    /// @param look at the state after each chunk and at the tokens so far
    /// @return the last state
    public static MixerState requireForward(
            TokenMixer layer,
            MixerState start,
            Tensor x,
            Tensor full,
            int chunk,
            double tolerance,
            ObjIntConsumer<MixerState> look) {
        MixerState state = start;
        for (int from = 0; from < x.dim(1); from += chunk) {
            int to = Math.min(x.dim(1), from + chunk);
            TokenMixer.Step step = layer.advance(Layout.slice(x, 1, from, to), state);
            assertThat(Tensors.difference(step.y(), Layout.slice(full, 1, from, to))).isLessThan(tolerance);
            state = step.state();
            assertThat(state.length()).isEqualTo(to);
            look.accept(state, to);
        }
        return state;
    }
}
