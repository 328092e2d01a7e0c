package dev.heddle.attention.composed;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.HeadPosition;
import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.QueryKeyPosition;

import org.jspecify.annotations.Nullable;

import java.util.OptionalLong;

/// Dynamically composable multi-head attention: before and after the softmax the H scores of every query–key pair are
/// mixed by a matrix that depends on the query token and on the key token.
///
/// `q, k, v = x·Wᵀ`, queries and keys normed and rotated; `A = Compose(q·kᵀ/√Dh)`, masked; `P = Compose(softmax(A))`;
/// `y = concat_h(P·v)·Woᵀ`. `Compose(a) = a + swᵀa + W2ᵀ·W1·a + g∘a` mixes the heads of a pair by a learned matrix and,
/// both for its query and for its key, by matrices of rank R and gates that are made from the token.
///
/// Parameters: `wq`, `wk`, `wv`, `wo` (each `weight`), `q_norm.weight`, `k_norm.weight` `[Dh]`, `sw_pre`, `sw_post`
/// `[H, H]`, `dynamic.dw1` `[4K, D]`, `dynamic.qkw` `[4, K, 2R, H]`, `dynamic.dd` `[4H, D]`, of which those exist
/// that the choices need.
///
/// Source: arXiv 2405.08553; Caiyun-AI/DCFormer.
public final class ComposedAttention extends TokenMixer {
    private final ComposedSpec spec;
    private final int width;
    private final int headWidth;
    private final AttentionPattern pattern;
    private final Linear wq;
    private final Linear wk;
    private final Linear wv;
    private final Linear wo;
    private final @Nullable Norm queryNorm;
    private final @Nullable Norm keyNorm;
    private final HeadPosition position;
    private final @Nullable Parameter mixingBefore;
    private final @Nullable Parameter mixingAfter;
    private final DynamicFactors dynamic;

    ComposedAttention(ComposedSpec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.width = width;
        headWidth = spec.headWidthIn(width);
        pattern = spec.pattern();
        int inner = Math.multiplyExact(spec.heads, headWidth);
        Linear.Factory linear = spec.linear;
        Initialiser initialiser = spec.initialiser;
        wq = child("wq", linear.create(width, inner, false, initialiser, seed.split("wq")));
        wk = child("wk", linear.create(width, inner, false, initialiser, seed.split("wk")));
        wv = child("wv", linear.create(width, inner, false, initialiser, seed.split("wv")));
        wo = child("wo", linear.create(inner, width, false, initialiser.scaled(residualScale), seed.split("wo")));
        boolean normed = spec.queryKeyNorm.isPresent();
        queryNorm = normed ? child("q_norm", RmsNorm.of(headWidth, spec.queryKeyNorm.getAsDouble())) : null;
        keyNorm = normed ? child("k_norm", RmsNorm.of(headWidth, spec.queryKeyNorm.getAsDouble())) : null;
        QueryKeyPosition.Factory onHeads = spec.position;
        position = new HeadPosition(onHeads == null ? null : child("position", onHeads.create(headWidth)));
        mixingBefore = spec.staticMixing && spec.preCompose ? mixing("sw_pre", seed) : null;
        mixingAfter = spec.staticMixing && spec.postCompose ? mixing("sw_post", seed) : null;
        dynamic = child("dynamic", new DynamicFactors(spec, width, seed.split("dynamic")));
    }

    private Parameter mixing(String name, Seed seed) {
        Initialiser initialiser = Initialiser.normal(0.1 / Math.sqrt(spec.heads));
        return parameter(name, initialiser.create(Shape.of(spec.heads, spec.heads), seed.split(name)));
    }

    /// Attention with this number of composed heads.
    ///
    /// @throws ConfigException if it is odd or less than 2
    public static ComposedSpec heads(int heads) {
        return new ComposedSpec(heads);
    }

    /// Self-attention: `[B, N, D]` → `[B, N, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    @Override
    public Tensor forward(Tensor x) {
        MixerInputs.requireTokens(x, width);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        Projected p = project(x, 0);
        return finish(ComposedProduct.attend(p.q, p.k, p.v, p.pre, p.post, pattern));
    }

    /// What tokens are made into: queries, keys and values `[B, N, H, Dh]`, normed and rotated, and what composes their
    /// scores and probabilities.
    record Projected(Tensor q, Tensor k, Tensor v, @Nullable Composition pre, @Nullable Composition post) {}

    /// @param first the position of the first token
    Projected project(Tensor x, int first) {
        Tensor q = position.onQueries(normed(split(wq.forward(x)), queryNorm), first);
        Tensor k = position.onKeys(normed(split(wk.forward(x)), keyNorm), first);
        Tensor v = split(wv.forward(x));
        Composition pre = spec.preCompose ? composition(x, mixingBefore, DynamicFactors.PRE) : null;
        Composition post = spec.postCompose ? composition(x, mixingAfter, DynamicFactors.POST) : null;
        return new Projected(q, k, v, pre, post);
    }

    private Tensor split(Tensor x) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), spec.heads, headWidth));
    }

    private static Tensor normed(Tensor x, @Nullable Norm norm) {
        return norm == null ? x : norm.forward(x);
    }

    private @Nullable Composition composition(Tensor x, @Nullable Parameter mixing, int use) {
        if (mixing == null && !spec.dependsOnTokens()) {
            return null;
        }
        boolean byTokens = spec.dependsOnTokens();
        return new Composition(
                mixing == null ? null : mixing.value(),
                byTokens && spec.queryWise ? dynamic.of(x, use) : null,
                byTokens && spec.keyWise ? dynamic.of(x, use + 1) : null,
                byTokens ? dynamic.rank() : 0,
                byTokens && spec.gate);
    }

    private Tensor finish(Tensor heads) {
        return wo.forward(Layout.reshape(heads, Shape.of(heads.dim(0), heads.dim(1), spec.heads * headWidth)));
    }

    /// The matrices by which keys mix heads, without identity and static part, `[B, N, 2, H, H]` from head to head: 0
    /// for scores, 1 for probabilities. Only for a layer whose keys have factors.
    Tensor keyMatrices(Tensor x) {
        Tensor pre = matrices(dynamic.of(x, DynamicFactors.PRE + 1));
        return Layout.concatenate(2, pre, matrices(dynamic.of(x, DynamicFactors.POST + 1)));
    }

    private Tensor matrices(Tensor factors) {
        int rank = dynamic.rank();
        Shape pairs = Shape.of(factors.dim(0), factors.dim(1), 1, spec.heads, spec.heads);
        Tensor sum = null;
        if (rank > 0) {
            Tensor w1 = Layout.transpose(Layout.slice(factors, 2, 0, rank));
            sum = MatMul.product(w1, Layout.slice(factors, 2, rank, 2 * rank));
        }
        if (spec.gate) {
            Tensor gates = Layout.slice(factors, 2, 2 * rank, 2 * rank + 1);
            Tensor diagonal = Arithmetic.multiply(gates, identity(factors.dtype()));
            sum = sum == null ? diagonal : Arithmetic.add(sum, diagonal);
        }
        return Layout.reshape(requireNonNull(sum), pairs);
    }

    private Tensor identity(DType dtype) {
        double[] ones = new double[spec.heads * spec.heads];
        for (int h = 0; h < spec.heads; h++) {
            ones[h * (spec.heads + 1)] = 1;
        }
        return Tensor.of(ones, spec.heads, spec.heads).cast(dtype);
    }

    /// An empty cache.
    ///
    /// @throws ConfigException if this attention looks ahead: then it has no form that goes token by token
    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        if (!isRecurrent()) {
            throw new ConfigException(
                    "cache: this attention sees later tokens and cannot go token by token; use a causal pattern, for"
                            + " example pattern.and(Patterns.causal())");
        }
        Shape shape = Shape.of(batch, capacity, spec.heads, headWidth);
        KeyValueCache tokens = KeyValueCache.empty(this, shape, shape, dtype);
        if (!spec.hasKeyFactors()) {
            return new ComposedState(tokens, null);
        }
        Shape pre = shape.replaceLast(2, spec.preCompose ? factorRows() : 0, spec.heads);
        Shape post = shape.replaceLast(2, spec.postCompose ? factorRows() : 0, spec.heads);
        return new ComposedState(tokens, KeyValueCache.empty(this, pre, post, dtype));
    }

    private int factorRows() {
        return Composition.rows(dynamic.rank(), spec.gate);
    }

    /// The next tokens against all before them that the pattern shows them. Gradients do not flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        MixerInputs.requireTokens(x, width);
        if (!(state instanceof ComposedState before)) {
            throw new InputException("cache: " + state + " is not one of composed attention; use one from start");
        }
        KeyValueCache tokens = KeyValueCache.of(this, before.tokens(), x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape()), before);
        }
        Projected p = project(x, tokens.length());
        tokens = tokens.append(p.k, p.v);
        KeyValueCache factors = before.factors();
        if (factors != null) {
            factors = factors.append(keyFactors(p.pre, p.k), keyFactors(p.post, p.k));
        }
        Composition pre = p.pre == null || factors == null ? p.pre : p.pre.withKeys(factors.keyMemory());
        Composition post = p.post == null || factors == null ? p.post : p.post.withKeys(factors.valueMemory());
        Tensor heads =
                ComposedProduct.attendCached(
                        p.q, tokens.keyMemory(), tokens.valueMemory(), tokens.length(), pre, post, pattern);
        return new Step(finish(heads), new ComposedState(tokens, factors));
    }

    private static Tensor keyFactors(@Nullable Composition composition, Tensor k) {
        Tensor factors = composition == null ? null : composition.byKey();
        return factors == null ? Tensor.zeros(k.dtype(), k.shape().replaceLast(2, 0, k.dim(2))) : factors;
    }

    /// True if tokens can be fed one by one: the pattern provably lets no query see a later key.
    @Override
    public boolean isRecurrent() {
        return pattern.isCausal(spec.heads);
    }

    /// Projections and factors of every token, and for every pair that is seen scores, values and compositions.
    @Override
    public long multiplyAdds(int length) {
        return length * perToken() + pattern.pairs(0, length, length) * perPair();
    }

    @Override
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.of(spec.heads * pattern.pairs(0, length, length));
    }

    private long perToken() {
        int sides = (spec.queryWise ? 1 : 0) + (spec.keyWise ? 1 : 0);
        long projections = wq.multiplyAdds() + wk.multiplyAdds() + wv.multiplyAdds() + wo.multiplyAdds();
        return projections + (long) stages() * sides * dynamic.multiplyAdds();
    }

    private int stages() {
        return (spec.preCompose ? 1 : 0) + (spec.postCompose ? 1 : 0);
    }

    // 2·H·Dh, and per stage H² for the static matrix and 2·R·H + H for each side.
    private long perPair() {
        long heads = spec.heads;
        int sides = (spec.queryWise ? 1 : 0) + (spec.keyWise ? 1 : 0);
        long side = (2L * dynamic.rank() + (spec.gate ? 1 : 0)) * heads;
        return 2 * heads * headWidth + stages() * ((spec.staticMixing ? heads * heads : 0) + sides * side);
    }

    /// The share of [#multiplyAdds(int)] that the kernel adds because tiles of queries see different keys.
    double padding(int length) {
        if (length == 0) {
            return 0;
        }
        long computed = Arrangement.of(pattern, length, length).plan(spec.heads).pairs();
        return (double) (computed - pattern.pairs(0, length, length)) * perPair() / multiplyAdds(length);
    }

    /// Keys and values, and the factors of keys: F·H for each stage.
    @Override
    public long stateElements(int length) {
        long factors = spec.hasKeyFactors() ? (long) stages() * factorRows() * spec.heads : 0;
        return length * (2L * spec.heads * headWidth + factors);
    }

    /// What this was made from.
    public ComposedSpec spec() {
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

    DType dtype() {
        return parameters().values().iterator().next().value().dtype();
    }
}
