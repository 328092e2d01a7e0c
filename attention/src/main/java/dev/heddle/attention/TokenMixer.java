package dev.heddle.attention;

import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.QueryKeyPosition;

import java.util.OptionalLong;

/// How tokens exchange information: one function in several forms.
///
/// [#forward] is the parallel form. [#advance] takes the next tokens, however many, together with the state of those
/// before: called with chunks it is the chunkwise form, with single tokens the recurrent one. All agree up to rounding.
public abstract class TokenMixer extends Module {
    /// The whole sequence: `[B, N, D]` → `[B, N, D]`.
    public abstract Tensor forward(Tensor x);

    /// False if no form goes token by token, because what a token gets depends on later ones: [#start] then refuses.
    public boolean isRecurrent() {
        return true;
    }

    /// The state before the first token.
    ///
    /// @param capacity tokens to make room for; a state grows beyond it when it must
    /// @throws dev.heddle.core.error.ConfigException if this mixer cannot go token by token
    public abstract MixerState start(int batch, int capacity, DType dtype);

    /// The next tokens: `[B, n, D]` and the state before them → `[B, n, D]` and the state after.
    ///
    /// @throws dev.heddle.core.error.InputException if the state is not one of this mixer's
    public abstract Step advance(Tensor x, MixerState state);

    /// Multiply-adds of the parallel form for one sequence of N tokens.
    public abstract long multiplyAdds(int length);

    /// The numbers that the state holds after N tokens of one sequence.
    public abstract long stateElements(int length);

    /// The exact number of query-key pairs that are scored over one sequence of N tokens, all heads together; empty where
    /// that is no fixed number, because the content of the tokens decides or because nothing is scored.
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.empty();
    }

    /// What [#advance] returns.
    public record Step(Tensor y, MixerState state) {}

    /// Makes mixers that score queries against keys, and so take a position on both.
    public interface Positionable extends Factory {
        /// The same with this position on queries and keys, in the place of any other.
        Positionable position(QueryKeyPosition.Factory choice);
    }

    /// Makes the mixer for a model width.
    @FunctionalInterface
    public interface Factory extends StackPart {
        /// @param residualScale factor on the initial deviation of the projection that feeds the residual stream
        TokenMixer create(int width, double residualScale, Seed seed);

        /// True if the mixer tells positions apart by itself, through a position encoding or a recurrence of its own. Where
        /// it does not, a stack has to say where tokens are.
        default boolean knowsPositions() {
            return false;
        }
    }
}
