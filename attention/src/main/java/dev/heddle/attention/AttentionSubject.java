package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// An [Attention] layer as the catalogue knows it: inputs `x`, `context`, `key_mask`; outputs `y` and, when asked for,
/// the probabilities `attn` `[B, H, N, M]` and what a cache holds, `k_cache` and `v_cache` `[B, G, M, Dh]`.
final class AttentionSubject implements PatternSubject, MixerSubject {
    private final Attention attention;
    private final Map<String, String> names;

    /// @param names the parameters of the layer by their golden names
    AttentionSubject(Attention attention, Map<String, String> names) {
        this.attention = attention;
        this.names = names;
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
        weights.forEach((name, weight) -> renamed.put(names.getOrDefault(name, name), weight));
        attention.bind(renamed);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        Tensor context = inputs.get("context");
        Tensor keyMask = inputs.get("key_mask");
        LazyOutputs outputs = new LazyOutputs();
        outputs.with("y", forward(x, context, keyMask));
        Tensor source = context == null ? x : context;
        outputs.with("attn", () -> attention.writtenOut(attention.project(x, source, 0), keyMask).probabilities());
        outputs.with("k_cache", () -> headMajor(attention.project(x, source, 0).k()));
        return outputs.with("v_cache", () -> headMajor(attention.project(x, source, 0).v()));
    }

    private Tensor forward(Tensor x, @Nullable Tensor context, @Nullable Tensor keyMask) {
        if (context != null) {
            return attention.forward(x, context, keyMask);
        }
        return keyMask == null ? attention.forward(x) : attention.forwardPadded(x, keyMask);
    }

    /// The cached forms take a `key_mask` of the whole sequence.
    @Override
    public MixerState start(Tensor x, Map<String, Tensor> inputs) {
        MixerInputs.requireMask("key_mask", inputs.get("key_mask"), x);
        Map<String, Tensor> others = new LinkedHashMap<>(inputs);
        others.remove("key_mask");
        return MixerSubject.super.start(x, others);
    }

    @Override
    public TokenMixer.Step advance(Tensor x, MixerState state, Map<String, Tensor> inputs) {
        Tensor keyMask = inputs.get("key_mask");
        if (keyMask == null) {
            return attention.advance(x, state);
        }
        int keys = ((KeyValueCache) state).length() + x.dim(1);
        return attention.advance(x, state, Layout.slice(keyMask, 1, 0, keys));
    }

    @Override
    public Map<String, Tensor> stepwise(TokenMixer.Step last) {
        KeyValueCache cache = (KeyValueCache) last.state();
        return new LazyOutputs()
                .with("y", last.y())
                .with("k_cache", () -> headMajor(cache.keys()))
                .with("v_cache", () -> headMajor(cache.values()));
    }

    private static Tensor headMajor(Tensor x) {
        return Layout.permute(x, 0, 2, 1, 3);
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", SubjectInputs.normal(Shape.of(batch, length, attention.width()), dtype, seed.split("x")));
        if (attention.isCross()) {
            Shape shape = Shape.of(batch, length, attention.contextWidth());
            inputs.put("context", SubjectInputs.normal(shape, dtype, seed.split("context")));
        }
        if (!attention.isRecurrent()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, length));
        }
        return inputs;
    }

    // 2·D·H·Dh + 2·Dc·G·Dh, and (H + 2G)·Dh + D with biases.
    @Override
    public long parameters() {
        AttentionSpec spec = attention.spec();
        long queries = (long) spec.heads() * attention.headWidth();
        long keys = (long) spec.keyValueHeads() * attention.headWidth();
        long matrices = attention.width() * queries + 2L * attention.contextWidth() * keys;
        long biases = spec.hasBias() ? queries + 2 * keys : 0;
        if (spec.hasOutputProjection()) {
            matrices += attention.width() * queries;
            biases += spec.hasBias() ? attention.width() : 0;
        }
        return matrices + biases;
    }

    @Override
    public double padding(int length) {
        return attention.padding(length, length);
    }
}
