package dev.heddle.attention.hashing;

import dev.heddle.attention.HeadPosition;
import dev.heddle.attention.HeadWidth;
import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ChunkedAttention;
import dev.heddle.attention.kernel.SortedChunks;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Recomputation;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Locality-sensitive hashing attention: queries and keys are one projection, tokens are sorted by the hash of it, and each
/// attends to the tokens near it in that order ([SortedChunks], [ChunkedAttention]), in time R·N·m instead of N². Hashing
/// itself takes R·N²·D/(2·m), a small part of full attention's work.
///
/// Parameters: `toqk.weight`, `tov.weight`, `to_out.weight` `[D, D]` and `to_out.bias` `[D]`. The rotations that hash are
/// drawn from the seed that the layer was made with, others for every number of buckets.
///
/// In causal attention no token's value reaches an earlier one, but which of the earlier tokens a token sees depends on how
/// all of them hash, later ones included. So there is no form that goes token by token.
///
/// Source: arXiv 2001.04451 §2; lucidrains/reformer-pytorch `LSHSelfAttention`.
public final class LshAttention extends TokenMixer {
    private final LshAttentionSpec spec;
    private final int width;
    private final int headWidth;
    private final Seed seed;
    private final Dense toqk;
    private final Dense tov;
    private final Dense toOut;
    private final HeadPosition position;

    LshAttention(LshAttentionSpec spec, int width, double residualScale, Seed seed) {
        this.spec = spec;
        this.width = width;
        this.headWidth = HeadWidth.of(width, spec.heads());
        this.seed = seed.split("rotations");
        toqk = child("toqk", new Dense(width, width, false, spec.initialiser(), seed.split("toqk")));
        tov = child("tov", new Dense(width, width, false, spec.initialiser(), seed.split("tov")));
        toOut =
                child(
                        "to_out",
                        new Dense(width, width, true, spec.initialiser().scaled(residualScale), seed.split("to_out")));
        position =
                new HeadPosition(
                        spec.position().map(encoding -> child("position", encoding.create(headWidth))).orElse(null));
    }

    /// What this was made from.
    public LshAttentionSpec spec() {
        return spec;
    }

    /// The model width D.
    public int width() {
        return width;
    }

    @Override
    public Tensor forward(Tensor x) {
        return forward(x, null, null);
    }

    /// As [#forward(Tensor)], over padded sequences or with given rotations.
    ///
    /// @param x `[B, N, D]`
    /// @param keyMask `[B, N]` BOOL, true = a real token; the others see only themselves and are seen by none. Null if all
    ///     are real
    /// @param rotations `[1 or B·H, Dh, R, N'/m/2]` with N' the padded length; null for the layer's own
    /// @throws ShapeException if a tensor does not fit
    public Tensor forward(Tensor x, @Nullable Tensor keyMask, @Nullable Tensor rotations) {
        MixerInputs.requireTokens(x, width);
        MixerInputs.requireMask("key_mask", keyMask, x);
        if (x.elements() == 0) {
            return Tensor.zeros(x.dtype(), x.shape());
        }
        Padded tokens = new Padded(x.dim(0), x.dim(1), spec.padded(x.dim(1)));
        Tensor qk = tokens.extend(position.onQueries(heads(toqk.forward(x)), 0));
        Tensor v = tokens.extend(heads(tov.forward(x)));
        SortedChunks chunks =
                Recomputation.decide(
                        () ->
                                spec.sort(
                                        qk.detach(),
                                        tokens.length(),
                                        rotations,
                                        tokens.mask(keyMask),
                                        AttentionOptions.Layout.TOKEN_MAJOR,
                                        seed));
        Tensor y = tokens.cut(ChunkedAttention.attend(qk, v, chunks, AttentionOptions.Layout.TOKEN_MAJOR));
        return toOut.forward(Layout.reshape(y, x.shape()));
    }

    private Tensor heads(Tensor x) {
        return Layout.reshape(x, Shape.of(x.dim(0), x.dim(1), spec.heads(), headWidth));
    }

    /// False: see above.
    @Override
    public boolean isRecurrent() {
        return false;
    }

    /// @throws ConfigException always: see above
    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        throw tokenByToken();
    }

    /// @throws ConfigException always: see above
    @Override
    public Step advance(Tensor x, MixerState state) {
        throw tokenByToken();
    }

    private static ConfigException tokenByToken() {
        return new ConfigException(
                "state: hashed attention sorts all tokens at once and cannot go token by token; use the parallel form");
    }

    @Override
    public long multiplyAdds(int length) {
        return 3L * width * width * length + spec.multiplyAdds(length, headWidth);
    }

    /// The share of [#multiplyAdds] that the kernel may add to fill up its tiles.
    double padding(int length) {
        return padding(spec, length, headWidth) / multiplyAdds(length);
    }

    /// The multiply-adds that the kernel may add to those of the core to fill up its tiles.
    static double padding(LshAttentionSpec spec, int length, int headWidth) {
        int tokens = spec.padded(length);
        int size = spec.isFull(length) ? tokens / 2 : spec.bucketSize();
        long rounds = spec.isFull(length) ? 1 : spec.rounds();
        long slots = rounds * tokens * spec.heads();
        return TiledWork.multiplyAdds(size, headWidth, slots) - 4.0 * slots * size * headWidth;
    }

    @Override
    public long stateElements(int length) {
        return 0;
    }
}
