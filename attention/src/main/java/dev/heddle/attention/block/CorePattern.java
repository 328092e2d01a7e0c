package dev.heddle.attention.block;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// Where the pattern of a [PatternCoreSubject] comes from, and what goes with it.
public interface CorePattern {
    /// The pattern over sequences of `tokens`.
    ///
    /// @param inputs of the call, some of which may be the pattern's own
    /// @throws dev.heddle.core.error.HeddleException if there is none for so many tokens or for these inputs
    AttentionPattern pattern(int tokens, Map<String, Tensor> inputs);

    /// True if the pattern is made of blocks, and has a [#layout].
    default boolean isMadeOfBlocks() {
        return true;
    }

    /// The layout of blocks behind the pattern.
    ///
    /// @throws dev.heddle.core.error.HeddleException if there is none
    BlockLayout layout(int tokens, Map<String, Tensor> inputs);

    /// Inputs without which there is no pattern.
    default Map<String, Tensor> sampleInputs(int tokens) {
        return Map.of();
    }

    /// True if no query sees a later key: the core then has forms that go token by token.
    default boolean isCausal() {
        return false;
    }

    /// False if all heads have the same pattern, which is then shown without an axis of heads.
    default boolean differsByHead() {
        return true;
    }

    /// True if pairs are counted for every sequence and head, those with padded keys left out.
    default boolean countsBySequence() {
        return false;
    }

    /// True if the rows of padded queries are zero; else they attend like others.
    default boolean clearsPaddedRows() {
        return true;
    }

    /// True if the call has an input `rpe` `[H, N, N]`, added to the scaled scores.
    default boolean takesBias() {
        return false;
    }
}
