package dev.heddle.attention.dilated;

import dev.heddle.attention.HeadPosition;
import dev.heddle.attention.HeadWidth;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.RecentTokens;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;

/// LongNet's attention: for each pair `(w, r)` attention `(O_n, lse_n)` among every r-th position of a segment of w
/// tokens, mixed by `y_i = Σ_n α_n(i)·O_n(i)`, `α_n = exp(lse_n) / Σ_m exp(lse_m)`. A key that is kept by several pairs
/// counts once for each; a token that a head keeps in no pair gets 0 from that head.
///
/// Parameters: `q_proj`, `k_proj`, `v_proj`, `out_proj` (`weight` `[D, D]`, `bias` `[D]`), and `inner_attn_ln` if wanted.
///
/// Source: arXiv 2307.02486 §2; `microsoft/torchscale`, `dilated_attention.py`.
public final class DilatedAttention extends TokenMixer {
    private static final double EPS = 1e-5;

    private final DilatedSpec spec;
    private final List<DilatedSegments> patterns;
    private final int width;
    private final int headWidth;
    private final Dense q;
    private final Dense k;
    private final Dense v;
    private final @Nullable Norm innerNorm;
    private final Dense out;
    private final HeadPosition position;

    DilatedAttention(DilatedSpec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.patterns = spec.patterns();
        this.width = width;
        this.headWidth = HeadWidth.of(width, spec.heads());
        q = projection("q_proj", seed);
        k = projection("k_proj", seed);
        v = projection("v_proj", seed);
        innerNorm = spec.innerNorm() ? child("inner_attn_ln", new LayerNorm(width, EPS, true, true)) : null;
        out =
                child(
                        "out_proj",
                        new Dense(
                                width, width, true, spec.initialiser().scaled(residualScale), seed.split("out_proj")));
        position =
                new HeadPosition(
                        spec.position().map(encoding -> child("position", encoding.create(headWidth))).orElse(null));
    }

    private Dense projection(String name, Seed seed) {
        return child(name, new Dense(width, width, spec.bias(), spec.initialiser(), seed.split(name)));
    }

    @Override
    public Tensor forward(Tensor x) {
        return forward(x, null);
    }

    /// Over padded sequences: padded tokens are no keys, and their own rows are 0.
    ///
    /// @param x `[B, N, D]`
    /// @param keyMask `[B, N]` BOOL, true = a real token; null if all are
    /// @return `[B, N, D]`
    /// @throws ShapeException if a tensor does not fit
    /// @throws InputException if the sequence is longer than a segment that its rate does not divide
    public Tensor forward(Tensor x, @Nullable Tensor keyMask) {
        MixerInputs.requireTokens(x, width);
        MixerInputs.requireMask("key_mask", keyMask, x);
        requireWholeSegments(x.dim(1));
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        Tensor queries = position.onQueries(split(q.forward(x)), 0);
        Tensor keys = position.onKeys(split(k.forward(x)), 0);
        Tensor values = split(v.forward(x));
        Tensor mask = keyMask == null ? null : MixerInputs.ofKeys(keyMask);
        Stream<Result> parts =
                patterns.stream()
                        .map(
                                pattern ->
                                        ScaledDotProduct.attend(
                                                queries,
                                                keys,
                                                values,
                                                mask == null
                                                        ? AttentionOptions.of(pattern)
                                                        : AttentionOptions.of(pattern).masked(mask)));
        return MixerInputs.zeroPadding(finish(parts.toList()), keyMask);
    }

    // The published code misplaces rows here, and nobody has said what they should be.
    private void requireWholeSegments(int length) {
        for (DilatedSegments pattern : patterns) {
            if (length > pattern.segment() && pattern.segment() % pattern.rate() != 0) {
                throw new InputException(
                        "dilation_rates: rate "
                                + pattern.rate()
                                + " does not divide its segment of "
                                + pattern.segment()
                                + ", and "
                                + length
                                + " tokens need more than one; use a multiple of the rate, or at most "
                                + pattern.segment()
                                + " tokens");
            }
        }
    }

    private Tensor split(Tensor x) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), spec.heads(), headWidth));
    }

    private Tensor finish(List<Result> parts) {
        Tensor y = Combine.combine(parts, AttentionOptions.Layout.TOKEN_MAJOR, spec.mixture()).y();
        Tensor joined = Layout.reshape(y, Shape.of(y.dim(0), y.dim(1), width));
        return out.forward(innerNorm == null ? joined : innerNorm.forward(joined));
    }

    /// True if tokens can be fed one by one: no key after a query is seen.
    @Override
    public boolean isRecurrent() {
        return spec.causal();
    }

    /// An empty cache. It holds the tokens of the current segments, those of the longest at most.
    ///
    /// @throws ConfigException if this attention looks ahead
    @Override
    public RecentTokens start(int batch, int capacity, DType dtype) {
        if (!isRecurrent()) {
            throw new ConfigException("cache: this attention sees later tokens; use a causal one to go token by token");
        }
        int longest = patterns.stream().mapToInt(DilatedSegments::segment).max().orElseThrow();
        Shape shape = Shape.of(batch, Math.min(capacity, longest), spec.heads(), headWidth);
        return RecentTokens.empty(this, shape, shape, dtype);
    }

    /// The next tokens against those before them in their segments. Gradients do not flow through a cache.
    ///
    /// @throws InputException if the cache was started by another layer or for another batch, or the sequence becomes
    ///     longer than a segment that its rate does not divide
    @Override
    public Step advance(Tensor x, MixerState state) {
        MixerInputs.requireTokens(x, width);
        RecentTokens before = RecentTokens.of(this, state, x);
        if (x.dim(1) == 0) {
            return new Step(Tensor.zeros(x.dtype(), x.shape()), before);
        }
        requireWholeSegments(Math.addExact(before.length(), x.dim(1)));
        Tensor queries = position.onQueries(split(q.forward(x)), before.length());
        Tensor keys = position.onKeys(split(k.forward(x)), before.length());
        RecentTokens all = before.append(keys, split(v.forward(x)));
        Stream<Result> parts =
                patterns.stream()
                        .map(
                                pattern ->
                                        ScaledDotProduct.attendCached(
                                                queries,
                                                all.keyMemory(),
                                                all.valueMemory(),
                                                all.inMemory(),
                                                AttentionOptions.of(pattern.from(all.start()))));
        return new Step(finish(parts.toList()), all.forgetBefore(firstSeen(all.length())));
    }

    /// The first position that a query at `position` or later may see: where the oldest current segment begins.
    private int firstSeen(int position) {
        return patterns.stream().mapToInt(pattern -> position - position % pattern.segment()).min().orElseThrow();
    }

    /// Those of all pairs `(w, r)`: a key that is kept by several is scored once for each.
    @Override
    public OptionalLong scoredPairs(int length) {
        return OptionalLong.of(pairs(length));
    }

    @Override
    public long multiplyAdds(int length) {
        long projections = length * (q.multiplyAdds() + k.multiplyAdds() + v.multiplyAdds() + out.multiplyAdds());
        return projections + 2 * pairs(length) * headWidth;
    }

    private long pairs(int length) {
        long pairs = 0;
        for (DilatedSegments pattern : patterns) {
            for (int head = 0; head < spec.heads(); head++) {
                pairs += pattern.pairs(head, length, length);
            }
        }
        return pairs;
    }

    /// The share of [#multiplyAdds] that the kernel may add to fill up its tiles.
    double padding(int length) {
        AttentionShape shape = new AttentionShape(1, spec.heads(), spec.heads(), length, length, headWidth, headWidth);
        double more = -2.0 * pairs(length) * headWidth;
        for (DilatedSegments pattern : patterns) {
            more += TiledWork.multiplyAdds(shape, pattern);
        }
        return more / multiplyAdds(length);
    }

    @Override
    public long stateElements(int length) {
        return 2L * (length - firstSeen(length)) * width;
    }

    /// What this was made from.
    public DilatedSpec spec() {
        return spec;
    }

    /// The model width D.
    public int width() {
        return width;
    }
}
