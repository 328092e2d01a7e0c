package dev.heddle.attention;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/// Runs a mixer over a whole sequence in the forms that carry a state.
public final class Stepwise {
    private Stepwise() {}

    /// All of `x` in chunks, from the empty state on.
    ///
    /// @param x `[B, N, D]`
    /// @param chunk tokens in a chunk; with 1 this is the recurrent form
    /// @return the outputs `[B, N, D]` and the state after the last token
    /// @throws ConfigException if `chunk` is below 1
    public static TokenMixer.Step run(TokenMixer mixer, Tensor x, int chunk) {
        return run(mixer::advance, mixer.start(x.dim(0), Math.max(1, x.dim(1)), x.dtype()), x, chunk, chunk);
    }

    /// All of `x` from a state on, in chunks behind a first one of another size.
    ///
    /// @param advance some tokens and the state before them to their outputs and the state after them
    /// @param first tokens in the first chunk
    static TokenMixer.Step run(
            BiFunction<Tensor, MixerState, TokenMixer.Step> advance,
            MixerState before,
            Tensor x,
            int first,
            int chunk) {
        if (chunk < 1) {
            throw new ConfigException("chunk: " + chunk + " tokens; use 1 or more");
        }
        MixerState state = before;
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        do {
            int to = (int) Math.min((long) from + (from == 0 ? first : chunk), x.dim(1));
            TokenMixer.Step step = advance.apply(Layout.slice(x, 1, from, to), state);
            parts.add(step.y());
            state = step.state();
            from = to;
        } while (from < x.dim(1));
        return new TokenMixer.Step(Layout.concatenate(1, parts.toArray(Tensor[]::new)), state);
    }
}
