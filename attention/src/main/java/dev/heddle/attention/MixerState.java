package dev.heddle.attention;

/// What a mixer carries from token to token, as a value: advancing makes a new state and leaves the old one usable, so
/// that a sequence can be forked (beam search) by advancing the same state twice.
public interface MixerState {
    /// Tokens seen so far.
    int length();

    /// Sequences in the batch.
    int batch();

    /// Numbers held for what has been seen, all sequences together; spare capacity does not count.
    long elements();
}
