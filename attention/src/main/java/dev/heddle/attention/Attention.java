package dev.heddle.attention;

import dev.heddle.attention.kernel.AttentionBias;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Dropout;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.ScorePosition;

import org.jspecify.annotations.Nullable;

import java.util.OptionalInt;
import java.util.function.Consumer;

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
    private final Spec spec;
    private final int width;
    private final int contextWidth;
    private final int headWidth;
    private final Linear wq;
    private final Linear wk;
    private final Linear wv;
    private final @Nullable Norm innerNorm;
    private final @Nullable Linear wo;
    private final @Nullable QueryKeyPosition position;
    private final @Nullable ScorePosition scorePosition;

    private Attention(Spec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.width = width;
        contextWidth = spec.contextWidth.orElse(width);
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
        position = onHeads == null ? null : child("position", onHeads.create(headWidth));
        ScorePosition.Factory onScores = spec.scorePosition;
        scorePosition = onScores == null ? null : child("score_position", onScores.create(spec.heads));
    }

    /// Every query head has a key/value head of its own.
    ///
    /// @throws ConfigException if `heads` is less than 1
    public static Spec multiHead(int heads) {
        return new Spec(heads, heads);
    }

    /// All query heads share one key/value head.
    ///
    /// @throws ConfigException if `heads` is less than 1
    public static Spec multiQuery(int heads) {
        return new Spec(heads, 1);
    }

    /// Neighbouring query heads share a key/value head, `heads / keyValueHeads` of them each.
    ///
    /// @throws ConfigException if `keyValueHeads` does not divide `heads`
    public static Spec grouped(int heads, int keyValueHeads) {
        return new Spec(heads, keyValueHeads);
    }

    /// Self-attention: `[B, N, D]` → `[B, N, D]` (without an output projection `[B, N, H·Dh]`).
    ///
    /// @throws ShapeException if `x` is of another width
    /// @throws InputException if this is cross-attention
    @Override
    public Tensor forward(Tensor x) {
        refuseWithoutContext();
        return forward(x, x, null, false);
    }

    /// Self-attention over padded sequences: keys that are padding are not seen, whatever finite values they hold. The
    /// padded queries' own outputs mean nothing.
    ///
    /// @param x `[B, N, D]`
    /// @param keyMask `[B, N]` BOOL, true = may be attended
    public Tensor forwardPadded(Tensor x, Tensor keyMask) {
        refuseWithoutContext();
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
        if (!isCross()) {
            throw new InputException(
                    "context: given to self-attention; call forward(x), or choose contextWidth("
                            + (context.rank() == 3 ? context.dim(2) : width)
                            + ") for cross-attention");
        }
        return forward(x, context, keyMask, true);
    }

    private Tensor forward(Tensor x, Tensor source, @Nullable Tensor keyMask, boolean cross) {
        checkInput("input", x, width);
        if (cross) {
            checkContext(x, source);
        }
        checkMask(source, keyMask);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape().with(-1, outputWidth()));
        }
        return finish(attend(project(x, source, 0), keyMask));
    }

    private void refuseWithoutContext() {
        if (isCross()) {
            throw new InputException(
                    "context: missing; this attention reads its keys from a context of width "
                            + contextWidth
                            + ", call forward(x, context, keyMask)");
        }
    }

    private static void checkInput(String what, Tensor x, int width) {
        if (x.rank() != 3 || x.dim(2) != width || !x.dtype().isFloating()) {
            throw new ShapeException(what + ": found " + x + "; floating [B, tokens, " + width + "] is needed");
        }
    }

    private void checkContext(Tensor x, Tensor context) {
        checkInput("context", context, contextWidth);
        if (context.dim(0) != x.dim(0)) {
            throw new ShapeException(
                    "context: "
                            + context.shape()
                            + " and input "
                            + x.shape()
                            + " differ in batch; it must be the same");
        }
        if (context.dim(1) < x.dim(1) && !spec.deadRows && isCausal()) {
            throw new InputException(
                    "context: "
                            + x.dim(1)
                            + " causal queries over "
                            + context.dim(1)
                            + " keys leave the first "
                            + (x.dim(1) - context.dim(1))
                            + " without any; use Patterns.full(), or accept them with acceptingDeadRows()");
        }
    }

    private static void checkMask(Tensor source, @Nullable Tensor keyMask) {
        Shape needed = Shape.of(source.dim(0), source.dim(1));
        if (keyMask != null && (keyMask.dtype() != DType.BOOL || !keyMask.shape().equals(needed))) {
            throw new ShapeException(
                    "key_mask: found " + keyMask + "; BOOL" + needed + ", one for each key, is needed");
        }
    }

    /// What the scores are made from: queries `[B, N, H, Dh]`, keys and values `[B, M, G, Dh]`, rotated if at all.
    record Projected(Tensor q, Tensor k, Tensor v) {}

    /// @param first the position of the first token of `x`
    Projected project(Tensor x, Tensor source, int first) {
        Tensor q = split(wq.forward(x), spec.heads);
        Tensor k = split(wk.forward(source), spec.keyValueHeads);
        Tensor v = split(wv.forward(source), spec.keyValueHeads);
        if (position == null) {
            return new Projected(q, k, v);
        }
        Positions positions = Positions.range(first, x.dim(1));
        return new Projected(position.onQueries(q, positions), position.onKeys(k, positions), v);
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
        return keyMask == null ? options : options.masked(keyMask.viewAs(Shape.of(keyMask.dim(0), 1, 1, keys)));
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
        if (batch < 1 || capacity < 1) {
            throw new InputException("cache: batch " + batch + ", capacity " + capacity + "; both must be 1 or more");
        }
        Shape shape = Shape.of(batch, capacity, spec.keyValueHeads, headWidth);
        return KeyValueCache.empty(this, shape, shape, dtype);
    }

    /// The next tokens against all before them. Gradients do not flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        checkInput("input", x, width);
        KeyValueCache before = own(state, x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape().with(-1, outputWidth())), before);
        }
        Projected p = project(x, x, before.length());
        KeyValueCache after = before.append(p.k, p.v);
        int keys = after.length();
        AttentionOptions options = options(x.dtype(), x.dim(1), keys, null);
        Tensor heads = ScaledDotProduct.attendCached(p.q, after.keyMemory(), after.valueMemory(), keys, options).y();
        return new Step(finish(heads), after);
    }

    private KeyValueCache own(MixerState state, Tensor x) {
        if (!(state instanceof KeyValueCache cache) || !cache.belongsTo(this)) {
            throw new InputException("cache: it was started by another layer; use one from this layer's start");
        }
        if (cache.batch() != x.dim(0)) {
            throw new InputException(
                    "cache: it holds "
                            + cache.batch()
                            + " sequences and the input is "
                            + x.shape()
                            + "; the batch must stay the same");
        }
        return cache;
    }

    /// True if tokens can be fed one by one: self-attention whose pattern provably lets no query see a later key.
    public boolean isRecurrent() {
        return !isCross() && isCausal();
    }

    private boolean isCausal() {
        for (int head = 0; head < spec.heads; head++) {
            for (int query : new int[] {0, 1, 63, 4096}) {
                KeyRanges keys = spec.pattern.keys(head, query, query + 1);
                if (keys.count() > 0 && keys.stop(keys.count() - 1) > query + 1) {
                    return false;
                }
            }
        }
        return true;
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
        long pairs = 0;
        for (int head = 0; head < spec.heads; head++) {
            pairs += spec.pattern.pairs(head, queries, keys);
        }
        return projections + output + 2 * pairs * headWidth;
    }

    /// The share of [#multiplyAdds(int, int)] that the kernel may add to fill up its tiles.
    double padding(int queries, int keys) {
        AttentionShape shape =
                new AttentionShape(1, spec.heads, spec.keyValueHeads, queries, keys, headWidth, headWidth);
        long pairs = 0;
        for (int head = 0; head < spec.heads; head++) {
            pairs += spec.pattern.pairs(head, queries, keys);
        }
        double more = TiledWork.multiplyAdds(shape, spec.pattern) - 2.0 * pairs * headWidth;
        return more / multiplyAdds(queries, keys);
    }

    @Override
    public long stateElements(int length) {
        return 2L * length * spec.keyValueHeads * headWidth;
    }

    /// What this was made from.
    public Spec spec() {
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
        return spec.contextWidth.isPresent();
    }

    /// The type of the parameters.
    DType dtype() {
        return parameters().values().iterator().next().value().dtype();
    }

    int outputWidth() {
        return wo == null ? spec.heads * headWidth : width;
    }

    /// What attention is made from; immutable, every choice makes a new one.
    public static final class Spec implements Factory {
        private final int heads;
        private final int keyValueHeads;
        private OptionalInt headWidth = OptionalInt.empty();
        private OptionalInt contextWidth = OptionalInt.empty();
        private boolean bias;
        private boolean outputProjection = true;
        private boolean deadRows;
        private AttentionPattern pattern = Patterns.causal();
        private QueryKeyPosition.@Nullable Factory position;
        private ScorePosition.@Nullable Factory scorePosition;
        private double dropout;
        private double softcap;
        private Norm.@Nullable Factory innerNorm;
        private Linear.Factory linear = Dense::new;
        private Initialiser initialiser = Initialiser.normal(0.02);

        private Spec(int heads, int keyValueHeads) {
            if (heads < 1) {
                throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
            }
            if (keyValueHeads < 1 || keyValueHeads > heads || heads % keyValueHeads != 0) {
                throw new ConfigException(
                        "heads: "
                                + heads
                                + " query heads cannot share "
                                + keyValueHeads
                                + " key/value heads evenly; use "
                                + divisors(heads));
            }
            this.heads = heads;
            this.keyValueHeads = keyValueHeads;
        }

        private static String divisors(int heads) {
            StringBuilder text = new StringBuilder();
            for (int g = 1; g < heads; g++) {
                if (heads % g == 0) {
                    text.append(g).append(" or ");
                }
            }
            return text.append(heads).toString();
        }

        private Spec with(Consumer<Spec> change) {
            return with(keyValueHeads, change);
        }

        private Spec with(int groups, Consumer<Spec> change) {
            Spec copy = new Spec(heads, groups);
            copy.headWidth = headWidth;
            copy.contextWidth = contextWidth;
            copy.bias = bias;
            copy.outputProjection = outputProjection;
            copy.deadRows = deadRows;
            copy.pattern = pattern;
            copy.position = position;
            copy.scorePosition = scorePosition;
            copy.dropout = dropout;
            copy.softcap = softcap;
            copy.innerNorm = innerNorm;
            copy.linear = linear;
            copy.initialiser = initialiser;
            change.accept(copy);
            return copy;
        }

        /// The same with another number of key/value heads.
        ///
        /// @throws ConfigException if it does not divide the number of query heads
        public Spec keyValueHeads(int groups) {
            return with(groups, copy -> {});
        }

        /// The width of a head, by default the model's width divided by the number of heads.
        ///
        /// @throws ConfigException if it is less than 1
        public Spec headWidth(int headWidth) {
            return with(copy -> copy.headWidth = OptionalInt.of(positive("head width", headWidth)));
        }

        /// Cross-attention: keys and values come from a context of this width.
        ///
        /// @throws ConfigException if it is less than 1
        public Spec contextWidth(int contextWidth) {
            return with(copy -> copy.contextWidth = OptionalInt.of(positive("context width", contextWidth)));
        }

        private static int positive(String what, int value) {
            if (value < 1) {
                throw new ConfigException(what + ": " + value + " is less than 1; use 1 or more");
            }
            return value;
        }

        /// Whether the four projections add a bias; not by default.
        public Spec bias(boolean wanted) {
            return with(copy -> copy.bias = wanted);
        }

        /// Which keys a query may see; causal by default.
        public Spec pattern(AttentionPattern other) {
            return with(copy -> copy.pattern = other);
        }

        /// Position on queries and keys.
        // A lambda would have to say which of the two it is; factories are objects of their kind.
        @SuppressWarnings("overloads")
        public Spec position(QueryKeyPosition.Factory other) {
            return with(copy -> copy.position = other);
        }

        /// Position on the scores.
        @SuppressWarnings("overloads")
        public Spec position(ScorePosition.Factory other) {
            return with(copy -> copy.scorePosition = other);
        }

        /// Dropout on the probabilities while training. They are written out for it, so time and memory then grow with
        /// the square of the length.
        ///
        /// @throws ConfigException if it is outside `[0, 1)`
        public Spec dropout(double probability) {
            return with(copy -> copy.dropout = Dropout.checked(probability));
        }

        /// Bounds the scores by `c·tanh(t/c)`; 0, the default, does not.
        ///
        /// @throws ConfigException if it is negative or not finite
        public Spec softcap(double bound) {
            if (!(bound >= 0 && bound < Double.POSITIVE_INFINITY)) {
                throw new ConfigException("softcap: " + bound + " is not a bound; use 0 for none, or a positive value");
            }
            return with(copy -> copy.softcap = bound);
        }

        /// A norm of the joined heads before the output projection (Sub-LN).
        public Spec innerNorm(Norm.Factory norm) {
            return with(copy -> copy.innerNorm = norm);
        }

        /// The joined heads are the output.
        public Spec withoutOutputProjection() {
            return with(copy -> copy.outputProjection = false);
        }

        /// In causal cross-attention with fewer keys than queries, lets the first queries see nothing and be zero.
        public Spec acceptingDeadRows() {
            return with(copy -> copy.deadRows = true);
        }

        /// The kind of the projections; [Dense] by default.
        public Spec linear(Linear.Factory kind) {
            return with(copy -> copy.linear = kind);
        }

        /// How the projections' weights are drawn; Gaussian with deviation 0.02 by default.
        public Spec initialiser(Initialiser other) {
            return with(copy -> copy.initialiser = other);
        }

        /// Query heads, H.
        public int heads() {
            return heads;
        }

        /// Key/value heads, G.
        public int keyValueHeads() {
            return keyValueHeads;
        }

        /// Whether projections add a bias.
        public boolean hasBias() {
            return bias;
        }

        /// Whether the joined heads are projected back to the model's width.
        public boolean hasOutputProjection() {
            return outputProjection;
        }

        /// Which keys a query may see.
        public AttentionPattern pattern() {
            return pattern;
        }

        private int headWidthIn(int width) {
            if (headWidth.isEmpty() && width % heads != 0) {
                int below = width / heads * heads;
                throw new ConfigException(
                        "heads: width "
                                + width
                                + " is not divisible by "
                                + heads
                                + " heads; use "
                                + (below > 0 ? below + " or " : "")
                                + (below + heads));
            }
            return headWidth.orElse(width / heads);
        }

        /// Makes the layer for a model width.
        ///
        /// @throws ConfigException if the width is less than 1 or does not divide into the heads, or a choice does not
        ///     fit another
        public Attention create(int width, Seed seed) {
            return create(width, 1, seed);
        }

        @Override
        public Attention create(int width, double residualScale, Seed seed) {
            positive("width", width);
            if (contextWidth.isPresent() && (position != null || scorePosition != null)) {
                throw new ConfigException(
                        "position: tokens of a context have no distance to the queries; use none in cross-attention");
            }
            return new Attention(this, width, residualScale, seed);
        }
    }
}
