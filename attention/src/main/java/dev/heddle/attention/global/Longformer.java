package dev.heddle.attention.global;

import dev.heddle.attention.HeadPosition;
import dev.heddle.attention.HeadWidth;
import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.RecentTokens;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.global.LongformerState.Globals;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/// Longformer's attention: a token sees the neighbours in its head's window and all global tokens, in one softmax; a
/// global token sees every token, through projections of its own.
///
/// Three attentions make it up, and none of them holds N×N numbers: (1) the windows over keys that are not global, (2) all
/// tokens over the gathered keys of the global ones, joined with (1) by log-sum-exp, and (3) the gathered global queries
/// over all keys, which replaces the global tokens' rows.
///
/// Parameters, `weight` `[D, D]` and `bias` `[D]` each: `query`, `key`, `value`; `query_global`, `key_global`,
/// `value_global`, which without global tokens are not used; `out_proj` if wanted, always with a bias.
///
/// Source: arXiv 2004.05150 §3; `allenai/longformer`. Causal masking of all of it is an extension.
public final class Longformer extends TokenMixer {
    private final LongformerSpec spec;
    private final AttentionPattern windows;
    private final int width;
    private final int headWidth;
    private final Projections local;
    private final @Nullable Projections global;
    private final @Nullable Dense out;
    private final HeadPosition position;

    /// Queries, keys and values of one kind of token.
    private record Projections(Dense query, Dense key, Dense value) {
        long multiplyAdds(int queries, int keys) {
            return queries * query.multiplyAdds() + keys * (key.multiplyAdds() + value.multiplyAdds());
        }
    }

    Longformer(LongformerSpec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.width = width;
        windows = spec.windows();
        headWidth = HeadWidth.of(width, spec.heads());
        local = projections("", seed);
        global = spec.globalTokens() ? projections("_global", seed) : null;
        Initialiser feeding = spec.initialiser().scaled(residualScale);
        out =
                spec.outputProjection()
                        ? child("out_proj", new Dense(width, width, true, feeding, seed.split("out_proj")))
                        : null;
        position =
                new HeadPosition(
                        spec.position().map(encoding -> child("position", encoding.create(headWidth))).orElse(null));
    }

    private Projections projections(String suffix, Seed seed) {
        return new Projections(
                projection("query" + suffix, seed),
                projection("key" + suffix, seed),
                projection("value" + suffix, seed));
    }

    private Dense projection(String name, Seed seed) {
        return child(name, new Dense(width, width, spec.bias(), spec.initialiser(), seed.split(name)));
    }

    /// Without global tokens.
    @Override
    public Tensor forward(Tensor x) {
        return forward(x, null, null);
    }

    /// With global tokens, over padded sequences: padded tokens are no keys and not global, and their own rows are 0.
    ///
    /// @param x `[B, N, D]`
    /// @param globalMask `[B, N]` BOOL, true = global; null if none is
    /// @param keyMask `[B, N]` BOOL, true = a real token; null if all are
    /// @return `[B, N, D]`
    /// @throws ShapeException if a tensor does not fit
    /// @throws InputException if tokens are global and this was made without projections for them
    public Tensor forward(Tensor x, @Nullable Tensor globalMask, @Nullable Tensor keyMask) {
        GlobalTokens globals = globals(x, globalMask, keyMask);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        Tensor q = position.onQueries(split(local.query.forward(x)), 0);
        Tensor k = keys(local, x, 0);
        Tensor v = split(local.value.forward(x));
        Result near = ScaledDotProduct.attend(q, k, v, options(windows, globals.others()));
        Tensor y = globals.places() == 0 ? near.y() : withGlobals(x, q, k, v, near, globals);
        return MixerInputs.zeroPadding(finish(y), keyMask);
    }

    /// The global tokens of an input.
    GlobalTokens globals(Tensor x, @Nullable Tensor globalMask, @Nullable Tensor keyMask) {
        MixerInputs.requireTokens(x, width);
        MixerInputs.requireMask("global_mask", globalMask, x);
        MixerInputs.requireMask("key_mask", keyMask, x);
        return GlobalTokens.of(x.dim(0), x.dim(1), globalMask, keyMask);
    }

    private Tensor withGlobals(Tensor x, Tensor q, Tensor k, Tensor v, Result near, GlobalTokens globals) {
        Projections projections = projectionsOfGlobals();
        AttentionOptions toGlobals = options(Patterns.full(), globals.placesSeen(spec.causal()));
        Result far = ScaledDotProduct.attend(q, globals.rows(k), globals.rows(v), toGlobals);
        Tensor y = Combine.combine(List.of(near, far), AttentionOptions.Layout.TOKEN_MAJOR).y();
        Tensor own =
                ScaledDotProduct.attend(
                                globalQueries(projections, globals, x, 0),
                                keys(projections, x, 0),
                                split(projections.value.forward(x)),
                                options(Patterns.full(), globals.tokensSeen(spec.causal())))
                        .y();
        return globals.replace(y, own);
    }

    private Projections projectionsOfGlobals() {
        if (global == null) {
            throw new InputException(
                    "global_mask: this attention has no projections for global tokens; make it with globalTokens(true)");
        }
        return global;
    }

    /// @param first the position of the first token of `x`
    private Tensor keys(Projections projections, Tensor x, int first) {
        return position.onKeys(split(projections.key.forward(x)), first);
    }

    private Tensor globalQueries(Projections projections, GlobalTokens globals, Tensor x, int first) {
        Tensor queries = split(projections.query.forward(globals.rows(x)));
        return position.onQueries(queries, globals.places(first).inOrder());
    }

    private static AttentionOptions options(AttentionPattern pattern, @Nullable Tensor mask) {
        AttentionOptions options = AttentionOptions.of(pattern);
        return mask == null ? options : options.masked(mask);
    }

    private Tensor split(Tensor x) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), spec.heads(), headWidth));
    }

    private Tensor finish(Tensor heads) {
        Tensor joined = Layout.reshape(heads, Shape.of(heads.dim(0), heads.dim(1), width));
        return out == null ? joined : out.forward(joined);
    }

    /// True if tokens can be fed one by one: no key after a query is seen.
    @Override
    public boolean isRecurrent() {
        return spec.causal();
    }

    /// An empty cache for sequences without global tokens. It holds the tokens that the widest window reaches, and the
    /// query's own.
    ///
    /// @throws ConfigException if this attention looks ahead
    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        return new LongformerState(window(batch, capacity, dtype), null);
    }

    /// An empty cache for sequences some of whose tokens will be global; those beyond the mask are not. Besides what the
    /// windows reach it holds the global tokens, and, as long as one is still to come, every token as that one will see it:
    /// a global query sees all before it, through projections of its own.
    ///
    /// @param globalMask `[B, N]` BOOL, true = global
    /// @throws ConfigException if this attention looks ahead
    /// @throws ShapeException if the mask is none
    /// @throws InputException if tokens are global and this was made without projections for them
    public MixerState start(Tensor globalMask, int capacity, DType dtype) {
        if (globalMask.rank() != 2 || globalMask.dtype() != DType.BOOL) {
            throw new ShapeException("global_mask: found " + globalMask + "; BOOL[batch, tokens] is needed");
        }
        int batch = globalMask.dim(0);
        RecentTokens window = window(batch, capacity, dtype);
        GlobalTokens plan = GlobalTokens.of(batch, globalMask.dim(1), globalMask, null);
        if (plan.places() == 0) {
            return new LongformerState(window, null);
        }
        projectionsOfGlobals();
        GlobalPlaces none = new GlobalPlaces(new int[batch][0]);
        KeyValueCache seen = cache(batch, plan.places(), dtype);
        return new LongformerState(window, new Globals(plan, seen, none, cache(batch, capacity, dtype)));
    }

    private RecentTokens window(int batch, int capacity, DType dtype) {
        if (!isRecurrent()) {
            throw new ConfigException("cache: this attention sees later tokens; use a causal one to go token by token");
        }
        Shape shape = Shape.of(batch, (int) Math.min(capacity, 2 * held()), spec.heads(), headWidth);
        return RecentTokens.empty(this, shape, shape, dtype);
    }

    private KeyValueCache cache(int batch, int capacity, DType dtype) {
        Shape shape = Shape.of(batch, capacity, spec.heads(), headWidth);
        return KeyValueCache.empty(this, shape, shape, dtype);
    }

    private long held() {
        return spec.reach() + 1;
    }

    /// The next tokens against those before. Which of them are global was said when the cache was started. Gradients do not
    /// flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch
    @Override
    public Step advance(Tensor x, MixerState state) {
        MixerInputs.requireTokens(x, width);
        if (!(state instanceof LongformerState before)) {
            throw new InputException("cache: it was started by another layer; use one from this layer's start");
        }
        RecentTokens window = RecentTokens.of(this, before.window(), x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape()), before);
        }
        int first = window.length();
        Tensor q = position.onQueries(split(local.query.forward(x)), first);
        Tensor k = keys(local, x, first);
        Tensor v = split(local.value.forward(x));
        window = window.append(k, v);
        Globals globals = before.globals();
        Tensor others = globals == null ? null : globals.plan().othersFrom(window.start(), window.inMemory());
        Result near = attend(q, window.keyMemory(), window.valueMemory(), window.inMemory(), options(windows, others));
        Tensor y = near.y();
        if (globals != null) {
            GlobalTokens own = globals.plan().between(first, x.dim(1));
            globals = globals.append(own, first, k, v);
            if (globals.all() != null) {
                Projections projections = projectionsOfGlobals();
                globals = globals.appendToAll(keys(projections, x, first), split(projections.value.forward(x)));
            }
            y = withGlobals(globals, own, x, q, near, first);
            globals = globals.after(window.length());
        }
        RecentTokens held = window.forgetBefore((int) Math.max(0, window.length() - held()));
        return new Step(finish(y), new LongformerState(held, globals));
    }

    private static Result attend(Tensor q, Tensor keys, Tensor values, int length, AttentionOptions options) {
        return ScaledDotProduct.attendCached(q, keys, values, length, options);
    }

    // What tokens x get, of which `own` are global, from the windows' share on.
    private Tensor withGlobals(Globals globals, GlobalTokens own, Tensor x, Tensor q, Result near, int first) {
        KeyValueCache seen = globals.seen();
        if (seen.length() == 0) {
            return near.y();
        }
        AttentionOptions toGlobals = options(Patterns.full(), globals.places().seenBy(first, x.dim(1)));
        Result far = attend(q, seen.keyMemory(), seen.valueMemory(), seen.length(), toGlobals);
        Tensor y = Combine.combine(List.of(near, far), AttentionOptions.Layout.TOKEN_MAJOR).y();
        KeyValueCache all = globals.all();
        if (own.places() == 0 || all == null) {
            return y;
        }
        Tensor queries = globalQueries(projectionsOfGlobals(), own, x, first);
        Tensor before = own.places(first).tokensSeen(all.length());
        AttentionOptions upToThem = options(Patterns.full(), before);
        return own.replace(y, attend(queries, all.keyMemory(), all.valueMemory(), all.length(), upToThem).y());
    }

    /// Without global tokens.
    @Override
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.of(pairs(length, new int[0]));
    }

    /// Without global tokens.
    @Override
    public long multiplyAdds(int length) {
        return multiplyAdds(length, new int[0]);
    }

    /// Multiply-adds for one sequence of `length` tokens, of which those at `globals` (ascending) are global.
    public long multiplyAdds(int length, int[] globals) {
        long projections = local.multiplyAdds(length, length) + (out == null ? 0 : length * out.multiplyAdds());
        if (global != null && globals.length > 0) {
            projections += global.multiplyAdds(globals.length, length);
        }
        return projections + 2 * pairs(length, globals) * headWidth;
    }

    private long pairs(int length, int[] globals) {
        long pairs = 0;
        for (int head = 0; head < spec.heads(); head++) {
            pairs += pairs(head, length, globals);
        }
        return pairs;
    }

    /// The pairs of one head: `Σ_{i∈G} N + Σ_{i∉G} (|G| + |W(i) \ G|)`, up to the query each if causal.
    long pairs(int head, int length, int[] globals) {
        long pairs = windows.pairs(head, length, length);
        for (int g = 0; g < globals.length; g++) {
            int position = globals[g];
            long windowed = 0;
            for (int other = 0; other < length; other++) {
                windowed += windows.allows(head, position, other) ? 1 : 0;
                windowed += windows.allows(head, other, position) ? 1 : 0;
            }
            // The token itself was counted twice, and so is every pair of two global tokens by both of them.
            long amongGlobals = 0;
            for (int g2 = 0; g2 < g; g2++) {
                amongGlobals += windows.allows(head, position, globals[g2]) ? 1 : 0;
                amongGlobals += windows.allows(head, globals[g2], position) ? 1 : 0;
            }
            long asQuery = spec.causal() ? position + 1L : length;
            long asKey = spec.causal() ? (length - position) - (globals.length - g) : length - globals.length;
            pairs += asQuery + asKey - (windowed - 1 - amongGlobals);
        }
        return pairs;
    }

    /// The share of [#multiplyAdds(int, int[])] that the kernels may add to fill up their tiles, and for the global
    /// tokens' rows that are then replaced.
    double padding(int length, int[] globals) {
        double more = work(length, length, windows) - 2.0 * pairs(length, globals) * headWidth;
        if (globals.length > 0) {
            more += work(length, globals.length, Patterns.full()) + work(globals.length, length, Patterns.full());
        }
        return more / multiplyAdds(length, globals);
    }

    private long work(int queries, int keys, AttentionPattern pattern) {
        int heads = spec.heads();
        return TiledWork.multiplyAdds(
                new AttentionShape(1, heads, heads, queries, keys, headWidth, headWidth), pattern);
    }

    /// Without global tokens.
    @Override
    public long stateElements(int length) {
        return 2 * Math.min(length, held()) * width;
    }

    /// The numbers that the state holds after `length` tokens of one sequence, of which those at `globals` (ascending) are
    /// global or will be.
    public long stateElements(int length, int[] globals) {
        long seen = Arrays.stream(globals).filter(position -> position < length).count();
        long asGlobalsSee = seen < globals.length ? length : 0;
        return stateElements(length) + 2 * (seen + asGlobalsSee) * width;
    }

    /// Whether a query of a head may see a key: what is drawn.
    boolean allows(GlobalTokens globals, int b, int head, int query, int key) {
        return globals.allows(b, query, key, windows.allows(head, query, key), spec.causal());
    }

    /// What this was made from.
    public LongformerSpec spec() {
        return spec;
    }

    /// The model width D.
    public int width() {
        return width;
    }
}
