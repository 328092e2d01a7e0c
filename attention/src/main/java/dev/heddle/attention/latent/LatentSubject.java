package dev.heddle.attention.latent;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// A [LatentAttention] layer as the catalogue knows it: input `x`; outputs `y` and what a cache holds, `kv_cache`
/// `[B, N, rc]` (after the norm) and `pe_cache` `[B, N, dr]` (after the rotation).
final class LatentSubject implements PatternSubject, MixerSubject {
    private final LatentAttention attention;
    private final int prefill;

    /// @param prefill tokens that the recurrent form reads at once before it goes token by token
    /// @throws ConfigException if it is negative
    LatentSubject(LatentAttention attention, int prefill) {
        if (prefill < 0) {
            throw new ConfigException("prefill: " + prefill + " tokens; use 0 or more");
        }
        this.attention = attention;
        this.prefill = prefill;
    }

    @Override
    public AttentionPattern pattern(int length) {
        return attention.spec().pattern();
    }

    @Override
    public int heads() {
        return attention.spec().heads();
    }

    @Override
    public TokenMixer mixer() {
        return attention;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach((name, weight) -> renamed.put(name + ".weight", weight));
        attention.bind(renamed);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        return new LazyOutputs()
                .with("y", attention.forward(x))
                .with("kv_cache", () -> attention.latents(x, 0).normed())
                .with("pe_cache", () -> attention.latents(x, 0).rotated());
    }

    @Override
    public int prompt() {
        return Math.max(1, prefill);
    }

    @Override
    public Map<String, Tensor> stepwise(TokenMixer.Step last) {
        KeyValueCache cache = (KeyValueCache) last.state();
        return new LazyOutputs()
                .with("y", last.y())
                .with("kv_cache", () -> attention.latents(cache).normed())
                .with("pe_cache", () -> attention.latents(cache).rotated());
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of(
                "x", SubjectInputs.normal(Shape.of(batch, length, attention.sizes().width()), dtype, seed.split("x")));
    }

    @Override
    public long parameters() {
        return attention.sizes().parameters();
    }

    @Override
    public double padding(int length) {
        return attention.padding(length);
    }

    @Override
    public int longest() {
        return attention.spec().longest();
    }
}
