package dev.heddle.attention.kernel;

import dev.heddle.core.tensor.Tensor;

/// What a pass of the backward kernel reads.
final class BackwardOperands {
    final Pass pass;
    final AttentionShape shape;
    final TileScores scores;
    final Heads q;
    final Heads dy;

    /// Address of the log-sum-exp, `[B, H, N]`.
    final long lse;

    /// Of [TiledBackward#deltas].
    final Tensor delta;

    final PackedTiles keyColumns;
    final PackedTiles keyRows;
    final PackedTiles valueColumns;

    BackwardOperands(Pass pass, Heads q, Heads k, Heads v, long lse, Tensor delta, Heads dy) {
        this.pass = pass;
        this.shape = pass.shape;
        this.scores = new TileScores(pass.call);
        this.q = q;
        this.dy = dy;
        this.lse = lse;
        this.delta = delta;
        keyColumns = PackedTiles.transposed(k, pass, shape.width());
        keyRows = PackedTiles.rows(k, pass, shape.width());
        valueColumns = PackedTiles.transposed(v, pass, shape.valueWidth());
    }
}
