package dev.heddle.attention.latent;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;

import java.util.OptionalLong;
import java.util.function.UnaryOperator;

/// Multi-head latent attention: the keys and values of all heads are linear in one small latent of a token, and only that
/// and one rotated key for all heads are cached, rc + dr numbers a token.
///
/// `[qⁿ_h, qʳ_h] = Wq·x` (or `Wq_b·norm(Wq_a·x)`), `[z, kʳ] = Wkv_a·x`, `c = norm(z)`, `qʳ` and `kʳ` rotated;
/// `[kⁿ_h, v_h] = Wkv_b,h·c`, score `s·(qⁿ_h·kⁿ_h + qʳ_h·kʳ)`, `y = Wo·concat_h softmax(…)·v_h`. [Execution] names the two
/// ways to compute it.
///
/// Parameters: `wq` or `wq_a`, `q_norm`, `wq_b`; `wkv_a`, `kv_norm`, `wkv_b`, `wo` (each `weight`, without biases).
///
/// Sources: DeepSeek-V2, arXiv 2405.04434 §2.1; DeepSeek-V3, arXiv 2412.19437; deepseek-ai/DeepSeek-V3
/// `inference/model.py`, class MLA.
public final class LatentAttention extends TokenMixer {
    private final LatentSpec spec;
    private final LatentSizes sizes;
    private final @Nullable Compression compression;
    private final Dense wq;
    private final Dense wkvA;
    private final RmsNorm kvNorm;
    private final Dense wkvB;
    private final Dense wo;
    private final Rope rope;
    private final AttentionOptions options;

    /// The two ways to compute the one function.
    public enum Execution {
        /// Forms every head's keys and values: `M·H·rc·(dn + dv)` multiply-adds for M keys, then `dq + dv` for a pair.
        EXPANDED,
        /// Takes queries to the latents, `Uk_hᵀ·qⁿ_h`, and outputs back, `Uv_h·u_h`: `N·H·rc·(dn + dv)` multiply-adds for N
        /// queries, then `2·rc + dr` for a pair. It is multi-query attention over the latents.
        ABSORBED
    }

    /// The way of queries through a small rank.
    private record Compression(Dense down, RmsNorm norm) {}

    LatentAttention(LatentSpec spec, LatentSizes sizes, double residualScale, Seed seed) {
        this.spec = spec;
        this.sizes = sizes;
        Initialiser initialiser = spec.initialiser;
        int queries = Math.multiplyExact(sizes.heads(), sizes.queryWidth());
        int expanded = Math.multiplyExact(sizes.heads(), sizes.expandedWidth());
        int values = Math.multiplyExact(sizes.heads(), sizes.valueWidth());
        if (sizes.queryRank() == 0) {
            compression = null;
            wq = dense("wq", sizes.width(), queries, initialiser, seed);
        } else {
            compression =
                    new Compression(
                            dense("wq_a", sizes.width(), sizes.queryRank(), initialiser, seed),
                            child("q_norm", RmsNorm.of(sizes.queryRank(), spec.normEpsilon)));
            wq = dense("wq_b", sizes.queryRank(), queries, initialiser, seed);
        }
        wkvA = dense("wkv_a", sizes.width(), sizes.cacheWidth(), initialiser, seed);
        kvNorm = child("kv_norm", RmsNorm.of(sizes.latentRank(), spec.normEpsilon));
        wkvB = dense("wkv_b", sizes.latentRank(), expanded, initialiser, seed);
        wo = dense("wo", values, sizes.width(), initialiser.scaled(residualScale), seed);
        rope = child("position", spec.extendedRotary.create(sizes.rotaryWidth()));
        options = AttentionOptions.of(spec.pattern).scaled(spec.scale(sizes));
    }

    private Dense dense(String name, int inputs, int outputs, Initialiser initialiser, Seed seed) {
        return child(name, new Dense(inputs, outputs, false, initialiser, seed.split(name)));
    }

    /// Latent attention with this many heads.
    ///
    /// @throws ConfigException if it is less than 1
    public static LatentSpec heads(int heads) {
        return new LatentSpec(heads);
    }

    /// Expanded: `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    /// @throws InputException if it is longer than the positions go
    @Override
    public Tensor forward(Tensor x) {
        return forward(x, Execution.EXPANDED);
    }

    /// The parallel form in either execution: `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    /// @throws InputException if it is longer than the positions go
    public Tensor forward(Tensor x, Execution execution) {
        return forward(x, 0, execution);
    }

    /// @param first the position of the first token
    Tensor forward(Tensor x, int first, Execution execution) {
        check(x, first);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        Queries queries = queries(x, first);
        Latents latents = latents(x, first);
        return switch (execution) {
            case EXPANDED -> expanded(queries, latents);
            case ABSORBED ->
                    absorbed(queries, q -> ScaledDotProduct.attend(q, latents.joined(), latents.values(), options).y());
        };
    }

    /// Queries of the heads: without position `[B, N, H, dn]` and rotated `[B, N, H, dr]`.
    private record Queries(Tensor plain, Tensor rotated) {
        Tensor joined() {
            return Layout.concatenate(-1, plain, rotated);
        }
    }

    /// What is cached: latents after their norm `[B, N, rc]` and rotated keys `[B, N, dr]`.
    record Latents(Tensor normed, Tensor rotated) {
        /// `[B, N, 1, rc + dr]`.
        Tensor joined() {
            return oneHead(Layout.concatenate(-1, normed, rotated));
        }

        /// `[B, N, 1, rc]`.
        Tensor values() {
            return oneHead(normed);
        }
    }

    private static Tensor oneHead(Tensor x) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), 1, x.dim(2)));
    }

    private Queries queries(Tensor x, int first) {
        Tensor input = compression == null ? x : compression.norm.forward(compression.down.forward(x));
        Tensor heads =
                Layout.reshape(wq.forward(input), Shape.of(x.dim(0), x.dim(1), sizes.heads(), sizes.queryWidth()));
        Tensor plain = Layout.slice(heads, -1, 0, sizes.keyWidth());
        Tensor turning = Layout.slice(heads, -1, sizes.keyWidth(), sizes.queryWidth());
        return new Queries(plain, rope.onQueries(turning, Positions.range(first, x.dim(1))));
    }

    Latents latents(Tensor x, int first) {
        Tensor both = wkvA.forward(x);
        Tensor latent = Layout.slice(both, -1, 0, sizes.latentRank());
        Tensor key = Layout.slice(both, -1, sizes.latentRank(), sizes.cacheWidth());
        Tensor rotated = rope.onKeys(oneHead(key), Positions.range(first, x.dim(1)));
        return new Latents(kvNorm.forward(latent), Layout.reshape(rotated, key.shape()));
    }

    /// What a cache holds, in its two parts.
    Latents latents(KeyValueCache cache) {
        Tensor rows = cache.keys();
        Tensor both = Layout.reshape(rows, Shape.of(rows.dim(0), rows.dim(1), rows.dim(3)));
        return new Latents(
                Layout.slice(both, -1, 0, sizes.latentRank()),
                Layout.slice(both, -1, sizes.latentRank(), sizes.cacheWidth()));
    }

    private Tensor expanded(Queries queries, Latents latents) {
        Tensor normed = latents.normed;
        Shape heads = Shape.of(normed.dim(0), normed.dim(1), sizes.heads(), sizes.expandedWidth());
        Tensor both = Layout.reshape(wkvB.forward(normed), heads);
        Tensor shared = Layout.expand(oneHead(latents.rotated), heads.with(-1, sizes.rotaryWidth()));
        Tensor keys = Layout.concatenate(-1, Layout.slice(both, -1, 0, sizes.keyWidth()), shared);
        Tensor values = Layout.slice(both, -1, sizes.keyWidth(), sizes.expandedWidth());
        return finish(ScaledDotProduct.attend(queries.joined(), keys, values, options).y());
    }

    /// @param attend queries `[B, N, H, rc + dr]` to weighted latents `[B, N, H, rc]`
    private Tensor absorbed(Queries queries, UnaryOperator<Tensor> attend) {
        Tensor weight = wkvB.weight().value();
        var keys = new HeadMatrices(weight, sizes.heads(), 0, sizes.keyWidth());
        var values = new HeadMatrices(weight, sizes.heads(), sizes.keyWidth(), sizes.valueWidth());
        Queries absorbed = new Queries(keys.multiplyTransposed(queries.plain), queries.rotated);
        return finish(values.multiply(attend.apply(absorbed.joined())));
    }

    private Tensor finish(Tensor heads) {
        int joined = sizes.heads() * sizes.valueWidth();
        return wo.forward(Layout.reshape(heads, Shape.of(heads.dim(0), heads.dim(1), joined)));
    }

    /// An empty cache of one row a token, `[B, capacity, 1, rc + dr]`: the latent after its norm, then the shared key after
    /// its rotation. The values are the latents, so it holds none of their own.
    ///
    /// @throws ConfigException if this attention looks ahead: then it has no form that goes token by token
    @Override
    public KeyValueCache start(int batch, int capacity, DType dtype) {
        if (!isRecurrent()) {
            throw new ConfigException(
                    "cache: this attention sees later tokens and cannot go token by token; use a causal pattern, for"
                            + " example pattern.and(Patterns.causal())");
        }
        Shape rows = Shape.of(batch, capacity, 1, sizes.cacheWidth());
        return KeyValueCache.empty(this, rows, rows.with(-1, 0), dtype);
    }

    /// The next tokens against all before them, in the cheaper execution. Gradients do not flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch, or a position is beyond the
    ///     longest sequence
    @Override
    public Step advance(Tensor x, MixerState state) {
        return advance(x, state, cheaper(x.rank() == 3 ? x.dim(1) : 0, state.length()));
    }

    /// As [#advance(Tensor, MixerState)] in a given execution.
    public Step advance(Tensor x, MixerState state, Execution execution) {
        KeyValueCache before = KeyValueCache.of(this, state, check(x, state.length()));
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape()), before);
        }
        Queries queries = queries(x, before.length());
        Tensor rows = latents(x, before.length()).joined();
        KeyValueCache after = before.append(rows, Tensor.zeros(x.dtype(), rows.shape().with(-1, 0)));
        Tensor y =
                switch (execution) {
                    case EXPANDED -> expanded(queries, latents(after));
                    case ABSORBED -> absorbed(queries, q -> attendCached(q, after));
                };
        return new Step(y, after);
    }

    private Tensor attendCached(Tensor queries, KeyValueCache cache) {
        return ScaledDotProduct.attendCached(queries, cache.keyMemory(), sizes.latentRank(), cache.length(), options)
                .y();
    }

    /// The execution with fewer multiply-adds for `chunk` tokens behind `cached` ones, if every pair attends: absorbed for
    /// single tokens, expanded for long chunks. (At DeepSeek-V3's widths a chunk behind 4096 tokens is long from 165 on.)
    public Execution cheaper(int chunk, int cached) {
        int keys = Math.addExact(cached, chunk);
        long pairs = (long) sizes.heads() * chunk * keys;
        return sizes.expanded(chunk, keys, pairs) < sizes.absorbed(chunk, pairs)
                ? Execution.EXPANDED
                : Execution.ABSORBED;
    }

    private Tensor check(Tensor x, int before) {
        MixerInputs.requireTokens(x, sizes.width());
        if ((long) before + x.dim(1) > spec.longest()) {
            throw new InputException(
                    "position: "
                            + x.dim(1)
                            + " tokens after "
                            + before
                            + " go beyond the longest sequence; use "
                            + spec.longest()
                            + " in all, or a longer max_seq_len");
        }
        return x;
    }

    /// True if tokens can be fed one by one: the pattern provably lets no query see a later key.
    @Override
    public boolean isRecurrent() {
        return spec.pattern.isCausal(spec.heads);
    }

    @Override
    public long multiplyAdds(int length) {
        return sizes.expanded(length, length, pairs(length));
    }

    @Override
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.of(pairs(length));
    }

    private long pairs(int length) {
        long pairs = 0;
        for (int head = 0; head < spec.heads; head++) {
            pairs += spec.pattern.pairs(head, length, length);
        }
        return pairs;
    }

    /// The share of [#multiplyAdds] that the kernel may add to fill up its tiles.
    double padding(int length) {
        int width = sizes.queryWidth();
        int valueWidth = sizes.valueWidth();
        AttentionShape shape = new AttentionShape(1, spec.heads, spec.heads, length, length, width, valueWidth);
        double more = TiledWork.multiplyAdds(shape, spec.pattern) - (double) pairs(length) * (width + valueWidth);
        return more / multiplyAdds(length);
    }

    @Override
    public long stateElements(int length) {
        return (long) length * sizes.cacheWidth();
    }

    /// What this was made from.
    public LatentSpec spec() {
        return spec;
    }

    /// Its widths.
    public LatentSizes sizes() {
        return sizes;
    }
}
