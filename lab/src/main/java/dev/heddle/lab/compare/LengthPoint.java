package dev.heddle.lab.compare;

/// How a variant does with a sequence of a given length.
///
/// @param context tokens
/// @param prefillTokensPerSecond reading a prompt of that length, batch 1
/// @param decodeTokensPerSecond generating one token at a time after it, batch 1
/// @param peakBytes most tensor memory held at once while reading, parameters not counted
/// @param cacheBytes what the decode state holds after the prompt
record LengthPoint(
        int context, double prefillTokensPerSecond, double decodeTokensPerSecond, long peakBytes, long cacheBytes) {}
