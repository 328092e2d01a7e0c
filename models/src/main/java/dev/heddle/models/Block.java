package dev.heddle.models;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.FeedForward;

import java.util.OptionalLong;

/// One layer of a stack: how mixer, feed-forward layer, norms and residual are wired.
///
/// Like a [TokenMixer] it computes one function in a parallel and a stateful form, which agree up to rounding.
public abstract class Block extends Module {
    /// The whole sequence: `[B, N, D]` → `[B, N, D]`.
    public abstract Tensor forward(Tensor x);

    /// False if no form goes token by token; see [TokenMixer#isRecurrent].
    public boolean isRecurrent() {
        return true;
    }

    /// The state before the first token; see [TokenMixer#start].
    public abstract MixerState start(int batch, int capacity, DType dtype);

    /// The next tokens `[B, n, D]`; see [TokenMixer#advance].
    public abstract TokenMixer.Step advance(Tensor x, MixerState state);

    /// Multiply-adds of the parallel form for one sequence of `length` tokens.
    public abstract long multiplyAdds(int length);

    /// The numbers that the state holds after `length` tokens of one sequence.
    public abstract long stateElements(int length);

    /// The query-key pairs that are scored; see [TokenMixer#scoredPairs].
    public abstract OptionalLong scoredPairs(int length);

    /// What a stack chose for its blocks.
    ///
    /// @param width model width D
    /// @param depth number of blocks in the stack
    /// @param dropout probability on each residual branch, in training only
    public record Choices(
            int width,
            int depth,
            TokenMixer.Factory mixer,
            FeedForward.Factory feedForward,
            Norm.Factory norm,
            double dropout) {}

    /// Makes the blocks of a stack.
    public interface Factory extends StackPart {
        Block create(Choices choices, Seed seed);

        /// True if the stack ends with one more norm, because its last block's output is a bare residual sum.
        boolean needsFinalNorm();
    }
}
