package dev.heddle.core.catalog;

/// One choice on one axis of a stack (a mixer, a position encoding, a feed-forward layer …), as the factory interface
/// of that axis: what the catalogue hands to a stack's builder so that a variant can be trained beside others.
public interface StackPart {}
