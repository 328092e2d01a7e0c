package dev.heddle.attention.pattern;

/// What a pattern allows of a rectangle of query-key pairs.
public enum Tile {
    /// No pair is allowed: a kernel skips the tile.
    EMPTY,
    /// Every pair is allowed: a kernel needs no mask.
    FULL,
    /// Some pairs may be allowed: a kernel asks for each row's bits.
    PARTIAL
}
