package dev.heddle.positional;

import dev.heddle.core.nn.Module;

/// Where position enters. The three kinds are apart in type, so that a stack cannot silently drop one: see
/// [EmbeddingPosition], [QueryKeyPosition], [ScorePosition]. No position encoding at all is no object at all.
public abstract sealed class PositionEncoding extends Module
        permits EmbeddingPosition, QueryKeyPosition, ScorePosition {}
