package dev.heddle.attention;

import dev.heddle.attention.kernel.AttentionBias;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.ScorePosition;

import org.jspecify.annotations.Nullable;

import java.util.OptionalLong;

/// Softmax attention with H query heads that share G key/value heads: multi-head (G = H), grouped-query (1 < G < H) and
/// multi-query (G = 1) are this one class.
///
/// `q = x·Wqᵀ`, `k = c·Wkᵀ`, `v = c·Wvᵀ` with `c = x`, or a context in cross-attention; query head h reads key/value
/// head `⌊h·G/H⌋`; `y = concat_h softmax(q·kᵀ/√Dh, masked)·v · Woᵀ`.
///
/// Parameters: `wq`, `wk`, `wv`, `wo` (each `weight` and, if wanted, `bias`), `inner_attn_norm`, and those of a learned
/// position. Heads are a free reshape of the projections' rows, and shared key/value heads are never repeated.
///
/// Sources: arXiv 1706.03762 §3.2; multi-query arXiv 1911.02150; grouped-query arXiv 2305.13245.
public final class Attention extends TokenMixer {
    private final AttentionSpec spec;
    private final AttentionInputs inputs;
    private final int width;
    private final int contextWidth;
    private final int headWidth;
    private final Linear wq;
    private final Linear wk;
    private final Linear wv;
    private final @Nullable Norm innerNorm;
    private final @Nullable Linear wo;
    private final HeadPosition position;
    private final @Nullable ScorePosition scorePosition;

    Attention(AttentionSpec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.width = width;
        contextWidth = spec.contextWidth.orElse(width);
        inputs = new AttentionInputs(spec, width, contextWidth);
        headWidth = spec.headWidthIn(width);
        int queries = Math.multiplyExact(spec.heads, headWidth);
        int keys = Math.multiplyExact(spec.keyValueHeads, headWidth);
        Initialiser initialiser = spec.initialiser;
        Linear.Factory linear = spec.linear;
        wq = child("wq", linear.create(width, queries, spec.bias, initialiser, seed.split("wq")));
        wk = child("wk", linear.create(contextWidth, keys, spec.bias, initialiser, seed.split("wk")));
        wv = child("wv", linear.create(contextWidth, keys, spec.bias, initialiser, seed.split("wv")));
        Norm.Factory norm = spec.innerNorm;
        innerNorm = norm == null ? null : child("inner_attn_norm", norm.create(queries));
        Initialiser feeding = initialiser.scaled(residualScale);
        wo =
                spec.outputProjection
                        ? child("wo", linear.create(queries, width, spec.bias, feeding, seed.split("wo")))
                        : null;
        QueryKeyPosition.Factory onHeads = spec.position;
        position = new HeadPosition(onHeads == null ? null : child("position", onHeads.create(headWidth)));
        ScorePosition.Factory onScores = spec.scorePosition;
        scorePosition = onScores == null ? null : child("score_position", onScores.create(spec.heads));
    }

    /// Every query head has a key/value head of its own.
    ///
    /// @throws ConfigException if `heads` is less than 1
    public static AttentionSpec multiHead(int heads) {
        return new AttentionSpec(heads, heads);
    }

    /// All query heads share one key/value head.
    ///
    /// @throws ConfigException if `heads` is less than 1
    public static AttentionSpec multiQuery(int heads) {
        return new AttentionSpec(heads, 1);
    }

    /// Neighbouring query heads share a key/value head, `heads / keyValueHeads` of them each.
    ///
    /// @throws ConfigException if `keyValueHeads` does not divide `heads`
    public static AttentionSpec grouped(int heads, int keyValueHeads) {
        return new AttentionSpec(heads, keyValueHeads);
    }

    /// Self-attention: `[B, N, D]` → `[B, N, D]` (without an output projection `[B, N, H·Dh]`).
    ///
    /// @throws ShapeException if `x` is of another width
    /// @throws InputException if this is cross-attention
    @Override
    public Tensor forward(Tensor x) {
        inputs.refuseMissingContext();
        return forward(x, x, null, false);
    }

    /// Self-attention over padded sequences: keys that are padding are not seen, whatever finite values they hold. The
    /// padded queries' own outputs mean nothing.
    ///
    /// @param x `[B, N, D]`
    /// @param keyMask `[B, N]` BOOL, true = may be attended
    public Tensor forwardPadded(Tensor x, Tensor keyMask) {
        inputs.refuseMissingContext();
        return forward(x, x, keyMask, false);
    }

    /// Cross-attention: queries from `x`, keys and values from `context`.
    ///
    /// @param x `[B, N, D]`
    /// @param context `[B, M, Dc]`
    /// @param keyMask `[B, M]` BOOL, true = may be attended; null if all may
    /// @throws ShapeException if a tensor does not fit
    /// @throws InputException if this is self-attention, or causal with fewer keys than queries and queries without a key
    ///     were not accepted
    public Tensor forward(Tensor x, Tensor context, @Nullable Tensor keyMask) {
        inputs.refuseUnexpectedContext(context);
        return forward(x, context, keyMask, true);
    }

    private Tensor forward(Tensor x, Tensor source, @Nullable Tensor keyMask, boolean cross) {
        MixerInputs.requireTokens(x, width);
        if (cross) {
            inputs.checkContext(x, source);
        }
        MixerInputs.requireMask("key_mask", keyMask, source);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape().with(-1, outputWidth()));
        }
        return finish(attend(project(x, source, 0), keyMask));
    }

    /// What the scores are made from: queries `[B, N, H, Dh]`, keys and values `[B, M, G, Dh]`, rotated if at all.
    record Projected(Tensor q, Tensor k, Tensor v) {}

    /// @param first the position of the first token of `x`
    Projected project(Tensor x, Tensor source, int first) {
        Tensor q = position.onQueries(split(wq.forward(x), spec.heads), first);
        Tensor k = position.onKeys(split(wk.forward(source), spec.keyValueHeads), first);
        return new Projected(q, k, split(wv.forward(source), spec.keyValueHeads));
    }

    private Tensor split(Tensor x, int heads) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, headWidth));
    }

    private Tensor attend(Projected p, @Nullable Tensor keyMask) {
        if (p.k.dim(1) == 0) {
            return Tensor.zeros(p.q.dtype(), p.q.shape());
        }
        if (spec.dropout > 0 && TrainingPass.isActive()) {
            return writtenOut(p, keyMask).attend(p.v, spec.dropout);
        }
        AttentionOptions options = options(p.q.dtype(), p.q.dim(1), p.k.dim(1), keyMask);
        return ScaledDotProduct.attend(p.q, p.k, p.v, options).y();
    }

    /// The same attention with its probabilities in sight.
    WrittenOut writtenOut(Projected p, @Nullable Tensor keyMask) {
        return new WrittenOut(p.q, p.k, options(p.q.dtype(), p.q.dim(1), p.k.dim(1), keyMask));
    }

    private AttentionOptions options(DType dtype, int queries, int keys, @Nullable Tensor keyMask) {
        AttentionOptions options = AttentionOptions.of(spec.pattern).capped(spec.softcap);
        if (scorePosition != null) {
            Tensor bias = scorePosition.biasByDistance(queries, keys, dtype);
            options = options.biased(new AttentionBias.Toeplitz(bias));
        }
        return keyMask == null ? options : options.masked(MixerInputs.ofKeys(keyMask));
    }

    private Tensor finish(Tensor heads) {
        Tensor joined = Layout.reshape(heads, Shape.of(heads.dim(0), heads.dim(1), spec.heads * headWidth));
        Tensor normed = innerNorm == null ? joined : innerNorm.forward(joined);
        return wo == null ? normed : wo.forward(normed);
    }

    /// An empty cache.
    ///
    /// @throws ConfigException if this attention looks ahead or at a context: then it has no form that goes token by token
    @Override
    public KeyValueCache start(int batch, int capacity, DType dtype) {
        if (!isRecurrent()) {
            throw new ConfigException(
                    "cache: this attention sees "
                            + (isCross() ? "a context" : "later tokens")
                            + " and cannot go token by token; use causal self-attention, for example with"
                            + " pattern.and(Patterns.causal())");
        }
        Shape shape = Shape.of(batch, capacity, spec.keyValueHeads, headWidth);
        return KeyValueCache.empty(this, shape, shape, dtype);
    }

    /// The next tokens against all before them. Gradients do not flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        return advance(x, state, null);
    }

    /// The next tokens of padded sequences against all before them that are no padding.
    ///
    /// @param x `[B, n, D]`
    /// @param keyMask `[B, M]` BOOL for the M tokens in the cache and in `x`, true = may be attended; null if all may
    /// @throws InputException if the cache was started by another layer or for another batch
    /// @throws ShapeException if a tensor does not fit
    public Step advance(Tensor x, MixerState state, @Nullable Tensor keyMask) {
        MixerInputs.requireTokens(x, width);
        KeyValueCache before = KeyValueCache.of(this, state, x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape().with(-1, outputWidth())), before);
        }
        MixerInputs.requireMask("key_mask", keyMask, x.dim(0), before.length() + x.dim(1));
        Projected p = project(x, x, before.length());
        KeyValueCache after = before.append(p.k, p.v);
        int keys = after.length();
        AttentionOptions options = options(x.dtype(), x.dim(1), keys, keyMask);
        Tensor heads = ScaledDotProduct.attendCached(p.q, after.keyMemory(), after.valueMemory(), keys, options).y();
        return new Step(finish(heads), after);
    }

    /// True if tokens can be fed one by one: self-attention whose pattern provably lets no query see a later key.
    @Override
    public boolean isRecurrent() {
        return !isCross() && spec.isCausal();
    }

    @Override
    public long multiplyAdds(int length) {
        return multiplyAdds(length, length);
    }

    /// Multiply-adds for one sequence of `queries` tokens over a context of `keys` tokens: projections, and scores and
    /// values of the pairs that the pattern allows.
    public long multiplyAdds(int queries, int keys) {
        long projections = queries * wq.multiplyAdds() + keys * (wk.multiplyAdds() + wv.multiplyAdds());
        long output = wo == null ? 0 : queries * wo.multiplyAdds();
        return projections + output + 2 * pairs(queries, keys) * headWidth;
    }

    @Override
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.of(pairs(length, length));
    }

    private long pairs(int queries, int keys) {
        long pairs = 0;
        for (int head = 0; head < spec.heads; head++) {
            pairs += spec.pattern.pairs(head, queries, keys);
        }
        return pairs;
    }

    /// The share of [#multiplyAdds(int, int)] that the kernel may add to fill up its tiles.
    double padding(int queries, int keys) {
        AttentionShape shape =
                new AttentionShape(1, spec.heads, spec.keyValueHeads, queries, keys, headWidth, headWidth);
        double more = TiledWork.multiplyAdds(shape, spec.pattern) - 2.0 * pairs(queries, keys) * headWidth;
        return more / multiplyAdds(queries, keys);
    }

    @Override
    public long stateElements(int length) {
        return 2L * length * spec.keyValueHeads * headWidth;
    }

    /// What this was made from.
    public AttentionSpec spec() {
        return spec;
    }

    /// The model width D.
    public int width() {
        return width;
    }

    /// The width of a head, Dh.
    public int headWidth() {
        return headWidth;
    }

    /// The width of what keys and values are projected from: D, or that of the context.
    public int contextWidth() {
        return contextWidth;
    }

    /// True if keys and values come from a context.
    public boolean isCross() {
        return spec.isCross();
    }

    /// The type of the parameters.
    DType dtype() {
        return parameters().values().iterator().next().value().dtype();
    }

    int outputWidth() {
        return wo == null ? spec.heads * headWidth : width;
    }
}
