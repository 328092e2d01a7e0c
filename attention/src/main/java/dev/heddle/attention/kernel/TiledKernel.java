package dev.heddle.attention.kernel;

import dev.heddle.core.tensor.Scope;

/// Exact tiled attention on 32-bit floats and the Vector API: memory grows with `N + M`, time with the pairs that the
/// pattern leaves. Source: FlashAttention-2, arXiv 2307.08691, algorithms 1 and 2.
public final class TiledKernel implements AttentionKernel {
    @Override
    public void forward(AttentionCall call, Heads q, Heads k, Heads v, Heads y, long lse) {
        try (var _ = Scope.open()) {
            if (call.shape().queries() == 1) {
                new SingleQuery(call, q, k, v).run(y, lse);
            } else {
                new TiledForward(call, q, k, v, y, lse).run();
            }
        }
    }

    @Override
    public void backward(
            AttentionCall call,
            Heads q,
            Heads k,
            Heads v,
            Heads y,
            long lse,
            Heads dy,
            long dlse,
            Heads dq,
            Heads dk,
            Heads dv,
            long dbias) {
        try (var _ = Scope.open()) {
            new TiledBackward(call, q, k, v, lse, dy, dq, dk, dv, dbias).run(y, dlse);
        }
    }
}
