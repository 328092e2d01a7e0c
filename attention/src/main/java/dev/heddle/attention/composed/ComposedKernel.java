package dev.heddle.attention.composed;

import dev.heddle.attention.composed.TilePlan.QueryTile;
import dev.heddle.attention.composed.TilePlan.Stretch;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// Composed attention over tiles of queries: scores of all heads, composed, masked, softmax, composed again, product
/// with the values. No more than a tile's rows of scores exist at any time; the backward pass computes them again.
///
/// A single pass over key tiles as in plain attention is impossible: the second composition needs the finished
/// probabilities of all heads.
final class ComposedKernel {
    /// Tasks that the backward pass is cut into: each sums the gradients of keys over its own tiles of queries.
    private static final int BACKWARD_TASKS = 8;

    private final Tensor q;
    private final Tensor k;
    private final Tensor v;
    private final Arrangement arrangement;
    private final DType dtype;
    private final Blas blas;
    private final Kernels kernels;
    private final int batch;
    private final int heads;
    private final int width;
    private final int keys;
    private final TilePlan plan;
    private final int headStride;
    private final @Nullable Stage pre;
    private final @Nullable Stage post;
    private final long workOfCompositions;

    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, C, H, Dh]`
    /// @param v `[B, C, H, Dh]`
    /// @param arrangement which of them are there and see each other; they are in its order
    ComposedKernel(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Composition before,
            @Nullable Composition after,
            Arrangement arrangement) {
        this.q = q;
        this.k = k;
        this.v = v;
        this.arrangement = arrangement;
        keys = arrangement.keys();
        dtype = q.dtype();
        blas = dtype.blas();
        kernels = dtype.kernels();
        batch = q.dim(0);
        heads = q.dim(2);
        width = q.dim(3);
        plan = arrangement.plan(heads);
        headStride = plan.headStride();
        pre = before == null ? null : new Stage(before, q, plan);
        post = after == null ? null : new Stage(after, q, plan);
        workOfCompositions = compositionWork(heads, before, after);
    }

    private static long compositionWork(int heads, @Nullable Composition before, @Nullable Composition after) {
        return (before == null ? 0 : before.multiplyAdds(heads)) + (after == null ? 0 : after.multiplyAdds(heads));
    }

    // Products of queries or values with keys or probabilities, and how often the heads are mixed.
    private void meter(QueryTile tile, int products, int mixings) {
        long pairs = (long) tile.rows() * tile.keys();
        WorkMeter.add(pairs * ((long) products * heads * width + mixings * workOfCompositions));
    }

    /// Attends: `[B, N, H, Dh]`.
    Tensor forward() {
        Tensor y = Tensor.zeros(dtype, q.shape());
        int tiles = plan.tiles().size();
        // Late queries first: under a causal mask they have the most keys, and long tasks should not start last.
        Parallel.run(batch * tiles, task -> forward(task % batch, plan.tiles().get(tiles - 1 - task / batch), y));
        return y;
    }

    private void forward(int b, QueryTile tile, Tensor y) {
        if (tile.stretches().isEmpty()) {
            return;
        }
        try (Scope _ = Scope.open()) {
            Tensor scores = tileOfPairs();
            Tensor other = pre == null && post == null ? scores : tileOfPairs();
            Tensor p = probabilities(b, tile, scores, other);
            Tensor composed = post == null ? p : p == other ? scores : other;
            if (post != null) {
                post.forward(b, tile, p, composed);
            }
            ofQueries(tile, 1, composed, v, b, rows(y, b, tile.first()));
            meter(tile, 2, 1);
        }
    }

    private Tensor tileOfPairs() {
        return Tensor.uninitialised(dtype, heads, headStride);
    }

    private long rows(Tensor tokens, int b, int first) {
        return tokens.address() + bytes(((long) b * tokens.dim(1) + first) * heads * width);
    }

    private long bytes(long elements) {
        return elements * dtype.bytes();
    }

    // From queries and keys to the softmax of composed scores, in `other` or, without a composition, in `scores`, which
    // keeps the raw scores otherwise.
    private Tensor probabilities(int b, QueryTile tile, Tensor scores, Tensor other) {
        products(b, tile, 1 / Math.sqrt(width), q, k, scores);
        Tensor p = scores;
        if (pre != null) {
            pre.forward(b, tile, scores, other);
            p = other;
        }
        mask(tile, p);
        for (int h = 0; h < heads; h++) {
            kernels.softmax(head(p, h), head(p, h), tile.rows(), tile.columns());
        }
        return p;
    }

    private long head(Tensor tile, int h) {
        return tile.address() + bytes((long) h * tile.dim(1));
    }

    // to[h] = scale · x[h]·y[h]ᵀ over the tile's queries and keys; columns that only fill up are 0.
    private void products(int b, QueryTile tile, double scale, Tensor x, Tensor y, Tensor to) {
        for (Stretch stretch : tile.stretches()) {
            blas.gemmBatched(
                    false,
                    true,
                    tile.rows(),
                    stretch.keys(),
                    width,
                    scale,
                    rows(x, b, tile.first()),
                    heads * width,
                    width,
                    rows(y, b, stretch.from()),
                    heads * width,
                    width,
                    0,
                    to.address() + bytes(stretch.column()),
                    tile.columns(),
                    to.dim(1),
                    heads);
            for (int r = 0; r < tile.rows(); r++) {
                fill(tile, r, stretch.column() + stretch.keys(), stretch.end(), to, 0);
            }
        }
    }

    // Columns of a row, in all heads.
    private void fill(QueryTile tile, int r, int from, int to, Tensor pairs, double value) {
        for (int h = 0; h < heads && from < to; h++) {
            fill(head(pairs, h), (long) r * tile.columns(), from, to, value);
        }
    }

    private void fill(long address, long row, int from, int to, double value) {
        for (long s = row + from; s < row + to; s++) {
            if (dtype == DType.F32) {
                Native.setFloat(address + Float.BYTES * s, (float) value);
            } else {
                Native.setDouble(address + Double.BYTES * s, value);
            }
        }
    }

    private void mask(QueryTile tile, Tensor pairs) {
        for (Stretch stretch : tile.stretches()) {
            for (int key = stretch.from(); key < stretch.from() + stretch.columns(); key += AttentionPattern.BITS) {
                int columns = Math.min(AttentionPattern.BITS, stretch.from() + stretch.columns() - key);
                if (arrangement.seen(tile.first(), tile.rows(), key, key + columns) != Tile.FULL) {
                    mask(tile, pairs, stretch.column() + key - stretch.from(), key, columns);
                }
            }
        }
    }

    // Columns from `column` on that hold the scores of keys from `key` on.
    private void mask(QueryTile tile, Tensor pairs, int column, int key, int columns) {
        for (int r = 0; r < tile.rows(); r++) {
            long hidden = ~arrangement.seen(tile.first() + r, key) & AttentionPattern.firstBits(columns);
            while (hidden != 0) {
                int from = Long.numberOfTrailingZeros(hidden);
                int to = from + Long.numberOfTrailingZeros(~(hidden >>> from));
                fill(tile, r, column + from, column + to, pairs, Double.NEGATIVE_INFINITY);
                hidden &= ~AttentionPattern.firstBits(to);
            }
        }
    }

    // to[h] += scale · pairs[h]·x[h] for the tile's queries.
    private void ofQueries(QueryTile tile, double scale, Tensor pairs, Tensor x, int b, long to) {
        for (Stretch stretch : tile.stretches()) {
            ofHeads(false, tile, stretch, scale, pairs, rows(x, b, stretch.from()), to);
        }
    }

    // to[h] += scale · pairs[h]ᵀ·x[h] for the tile's keys; `to` has room for all keys.
    private void ofKeys(QueryTile tile, double scale, Tensor pairs, long x, long to) {
        for (Stretch stretch : tile.stretches()) {
            ofHeads(true, tile, stretch, scale, pairs, x, to + bytes((long) stretch.from() * heads * width));
        }
    }

    private void ofHeads(
            boolean transposed, QueryTile tile, Stretch stretch, double scale, Tensor pairs, long x, long to) {
        blas.gemmBatched(
                transposed,
                false,
                transposed ? stretch.keys() : tile.rows(),
                width,
                transposed ? tile.rows() : stretch.keys(),
                scale,
                pairs.address() + bytes(stretch.column()),
                tile.columns(),
                headStride,
                x,
                heads * width,
                width,
                1,
                to,
                heads * width,
                width,
                heads);
    }

    /// The gradients of q, k, v and the tensors of both compositions, in that order.
    List<Tensor> backward(Tensor dy) {
        int tasks = Math.clamp(BACKWARD_TASKS / batch, 1, plan.tiles().size());
        Backward backward = new Backward(dy, tasks);
        Parallel.run(batch * tasks, task -> backward.part(task / tasks, task % tasks));
        return backward.collect();
    }

    /// One backward pass.
    private final class Backward {
        final Tensor dy;
        final int parts;
        final Tensor dq = Tensor.zeros(dtype, q.shape());
        final Tensor dk;
        final Tensor dv;
        final Stage.@Nullable Gradients ofPre;
        final Stage.@Nullable Gradients ofPost;

        Backward(Tensor dy, int parts) {
            this.dy = dy;
            this.parts = parts;
            dk = Tensor.zeros(dtype, batch, parts, keys, heads * width);
            dv = Tensor.zeros(dtype, batch, parts, keys, heads * width);
            ofPre = pre == null ? null : pre.gradients(parts);
            ofPost = post == null ? null : post.gradients(parts);
        }

        // Every parts-th tile, so that early and late queries are shared out evenly.
        void part(int b, int part) {
            for (int t = part; t < plan.tiles().size(); t += parts) {
                QueryTile tile = plan.tiles().get(t);
                if (!tile.stretches().isEmpty()) {
                    try (Scope _ = Scope.open()) {
                        tile(b, part, tile);
                    }
                }
            }
        }

        private void tile(int b, int part, QueryTile tile) {
            Tensor scores = tileOfPairs();
            Tensor p = probabilities(b, tile, scores, pre == null ? scores : tileOfPairs());
            Tensor slopes = tileOfPairs();
            Tensor other = tileOfPairs();
            products(b, tile, 1, dy, v, slopes);
            Tensor composed = p;
            if (post != null) {
                post.forward(b, tile, p, other);
                composed = other;
            }
            long own = (long) b * parts + part;
            long offset = bytes(own * keys * heads * width);
            ofKeys(tile, 1, composed, rows(dy, b, tile.first()), dv.address() + offset);
            Tensor dp = slopes;
            Tensor free = other;
            if (ofPost != null) {
                ofPost.backward(b, part, tile, p, slopes, other);
                dp = other;
                free = slopes;
            }
            for (int h = 0; h < heads; h++) {
                kernels.softmaxBackward(head(p, h), head(dp, h), head(dp, h), tile.rows(), tile.columns());
            }
            Tensor ds = dp;
            if (ofPre != null) {
                ofPre.backward(b, part, tile, scores, dp, free);
                ds = free;
            }
            double scale = 1 / Math.sqrt(width);
            ofQueries(tile, scale, ds, k, b, rows(dq, b, tile.first()));
            ofKeys(tile, scale, ds, rows(q, b, tile.first()), dk.address() + offset);
            meter(tile, 5, 3);
        }

        List<Tensor> collect() {
            List<Tensor> gradients = new ArrayList<>();
            gradients.add(dq);
            gradients.add(sumOfParts(dk, batch, parts).viewAs(k.shape()));
            gradients.add(sumOfParts(dv, batch, parts).viewAs(v.shape()));
            if (ofPre != null) {
                ofPre.collect(gradients);
            }
            if (ofPost != null) {
                ofPost.collect(gradients);
            }
            return gradients;
        }
    }

    /// Sums `parts` stretches of each of `count` groups in their order: `[count·parts·size]` → `[count, size]`.
    static Tensor sumOfParts(Tensor x, int count, int parts) {
        int size = Math.toIntExact(x.elements() / ((long) count * parts));
        if (parts == 1) {
            return x.viewAs(Shape.of(count, size));
        }
        Tensor sums = Tensor.zeros(x.dtype(), count, size);
        long bytes = (long) size * x.dtype().bytes();
        Kernels kernels = x.dtype().kernels();
        for (int c = 0; c < count; c++) {
            for (int part = 0; part < parts; part++) {
                long from = x.address() + ((long) c * parts + part) * bytes;
                kernels.accumulate(from, 1, sums.address() + c * bytes, size);
            }
        }
        return sums;
    }
}
