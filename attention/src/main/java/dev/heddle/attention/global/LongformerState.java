package dev.heddle.attention.global;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.RecentTokens;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// What causal [Longformer] carries from token to token.
///
/// @param window keys and values of the tokens that the windows still reach
/// @param globals what there is for global tokens; null if none is global
record LongformerState(RecentTokens window, @Nullable Globals globals) implements MixerState {
    /// What global tokens need beyond the windows.
    ///
    /// @param plan which tokens of the sequence are global, those to come among them
    /// @param seen keys and values of the global tokens so far, `[B, g, H, Dh]`
    /// @param places where in the sequence they are
    /// @param all keys and values of every token so far, by the projections of global tokens, for global queries to come;
    ///     null once there is none
    record Globals(GlobalTokens plan, KeyValueCache seen, GlobalPlaces places, @Nullable KeyValueCache all) {
        /// With more tokens.
        ///
        /// @param own the global ones among them
        /// @param first the position of the first
        /// @param keys of all of them, `[B, n, H, Dh]`
        /// @param values likewise
        Globals append(GlobalTokens own, int first, Tensor keys, Tensor values) {
            return own.places() == 0
                    ? this
                    : new Globals(
                            plan, seen.append(own.rows(keys), own.rows(values)), places.and(own.places(first)), all);
        }

        /// With the keys and values of more tokens as global queries see them.
        Globals appendToAll(Tensor keys, Tensor values) {
            return new Globals(plan, seen, places, requireNonNull(all).append(keys, values));
        }

        /// What is needed after `length` tokens.
        Globals after(int length) {
            return plan.anyFrom(length) ? this : new Globals(plan, seen, places, null);
        }

        long elements() {
            return seen.elements() + (all == null ? 0 : all.elements());
        }
    }

    @Override
    public int length() {
        return window.length();
    }

    @Override
    public int batch() {
        return window.batch();
    }

    @Override
    public long elements() {
        return window.elements() + (globals == null ? 0 : globals.elements());
    }
}
