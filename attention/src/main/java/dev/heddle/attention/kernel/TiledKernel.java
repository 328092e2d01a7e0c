package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

import java.util.List;

/// Exact tiled attention on 32-bit floats and the Vector API: memory grows with `N + M`, time with the pairs that the
/// pattern leaves. Source: FlashAttention-2, arXiv 2307.08691, algorithms 1 and 2.
///
/// A pattern may be several passes, one for each of its sections, whose results are joined by their log-sum-exp.
public final class TiledKernel implements AttentionKernel {
    /// Tokens in a task that clears all heads of a token.
    private static final int GRAIN = 64;

    @Override
    public void forward(AttentionCall call, Heads q, Heads k, Heads v, Heads y, long lse) {
        try (var _ = Scope.open()) {
            if (call.shape().queries() == 1) {
                new SingleQuery(call, q, k, v).run(y, lse);
                return;
            }
            List<Pass> passes = Pass.of(call);
            boolean joins = passes.isEmpty() || !passes.getFirst().coversAll();
            if (joins) {
                clearOutputs(call.shape(), y, lse);
            }
            for (Pass pass : passes) {
                try (var _ = Scope.open()) {
                    new TiledForward(pass, joins, q, k, v, y, lse).run();
                }
                joins = true;
            }
        }
    }

    // Queries that no pass sees may see no key.
    private static void clearOutputs(AttentionShape shape, Heads y, long lse) {
        clear(y, shape.batch(), shape.heads(), shape.queries(), shape.valueWidth());
        for (long row = 0; row < (long) shape.batch() * shape.heads() * shape.queries(); row++) {
            Native.setFloat(lse + Float.BYTES * row, Float.NEGATIVE_INFINITY);
        }
    }

    private static void clear(Heads rows, int batch, int heads, int tokens, int width) {
        Parallel.ranges(
                (long) batch * tokens,
                GRAIN,
                (from, to) -> {
                    for (long row = from; row < to; row++) {
                        for (int head = 0; head < heads; head++) {
                            long at = rows.f32((int) (row / tokens), head, (int) (row % tokens));
                            Native.zero(at, (long) Float.BYTES * width);
                        }
                    }
                });
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
        AttentionShape shape = call.shape();
        try (var _ = Scope.open()) {
            List<Pass> passes = Pass.of(call);
            boolean adds = passes.size() != 1 || !passes.getFirst().coversAll() || !passes.getFirst().isNatural();
            if (adds) {
                clear(dq, shape.batch(), shape.heads(), shape.queries(), shape.width());
                clear(dk, shape.batch(), shape.kvHeads(), shape.keys(), shape.width());
                clear(dv, shape.batch(), shape.kvHeads(), shape.keys(), shape.valueWidth());
            }
            BiasGradient.clear(call, dbias);
            Tensor delta = TiledBackward.deltas(shape, y, dy, dlse);
            for (Pass pass : passes) {
                try (var _ = Scope.open()) {
                    new TiledBackward(pass, adds, q, k, v, lse, delta, dy, dq, dk, dv, dbias).run();
                }
            }
        }
    }
}
