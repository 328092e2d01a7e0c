package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

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
            AttentionShape shape = call.shape();
            WrittenHeads outputs = new WrittenHeads(heads -> clearOutputs(shape, heads, y, lse));
            // Gathered tokens first: rows in their own order are cheaper to come back to.
            for (Pass pass : Pass.of(call).reversed()) {
                boolean joins = outputs.prepare(pass.heads, pass.queries == shape.queries());
                try (var _ = Scope.open()) {
                    new TiledForward(pass, joins, q, k, v, y, lse).run();
                }
            }
            outputs.finish(shape.heads());
        }
    }

    // Queries that no pass sees may see no key.
    private static void clearOutputs(AttentionShape shape, int[] heads, Heads y, long lse) {
        clear(y, shape.batch(), heads, shape.queries(), shape.valueWidth());
        for (int b = 0; b < shape.batch(); b++) {
            for (int head : heads) {
                for (int i = 0; i < shape.queries(); i++) {
                    Native.setFloat(lse + Float.BYTES * shape.row(b, head, i), Float.NEGATIVE_INFINITY);
                }
            }
        }
    }

    private static void clear(Heads rows, int batch, int[] heads, int tokens, int width) {
        Parallel.ranges(
                (long) batch * tokens,
                GRAIN,
                (from, to) -> {
                    for (long row = from; row < to; row++) {
                        for (int head : heads) {
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
            WrittenHeads ofQueries =
                    new WrittenHeads(heads -> clear(dq, shape.batch(), heads, shape.queries(), shape.width()));
            WrittenHeads ofKeys =
                    new WrittenHeads(
                            heads -> {
                                clear(dk, shape.batch(), heads, shape.keys(), shape.width());
                                clear(dv, shape.batch(), heads, shape.keys(), shape.valueWidth());
                            });
            BiasGradient.clear(call, dbias);
            Tensor delta = TiledBackward.deltas(shape, y, dy, dlse);
            for (Pass pass : Pass.of(call)) {
                boolean addsQueries = ofQueries.prepare(pass.heads, pass.queries == shape.queries());
                boolean addsKeys = ofKeys.prepare(pass.kvHeads, pass.keys == shape.keys());
                try (var _ = Scope.open()) {
                    BackwardOperands in = new BackwardOperands(pass, q, k, v, lse, delta, dy);
                    new TiledBackward(in, addsQueries, addsKeys, dq, dk, dv, dbias).run();
                }
            }
            ofQueries.finish(shape.heads());
            ofKeys.finish(shape.kvHeads());
        }
    }
}
