package dev.heddle.lab.compare;

import org.jspecify.annotations.Nullable;

/// How a variant does with a sequence of a given length.
///
/// @param context tokens
/// @param prefillTokensPerSecond reading a prompt of that length, batch 1
/// @param decodeTokensPerSecond generating one token at a time after it, batch 1; null if the model does not go token by
///     token
/// @param peakBytes most tensor memory held at once while reading, parameters not counted
/// @param cacheBytes the most that the decode state holds on the way through the prompt; null if there is none
record LengthPoint(
        int context,
        double prefillTokensPerSecond,
        @Nullable Double decodeTokensPerSecond,
        long peakBytes,
        @Nullable Long cacheBytes) {}
