package dev.heddle.attention.composed;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;

import org.jspecify.annotations.Nullable;

/// What composed attention carries from token to token.
///
/// @param tokens keys and values
/// @param factors the keys' factors `[B, tokens, F, H]` of both stages, those of the scores in the place of keys and
///     those of the probabilities in the place of values (without rows for a stage that is off); null if keys have none
record ComposedState(KeyValueCache tokens, @Nullable KeyValueCache factors) implements MixerState {
    @Override
    public int length() {
        return tokens.length();
    }

    @Override
    public int batch() {
        return tokens.batch();
    }

    @Override
    public long elements() {
        return tokens.elements() + (factors == null ? 0 : factors.elements());
    }
}
