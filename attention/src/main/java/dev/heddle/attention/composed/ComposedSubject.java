package dev.heddle.attention.composed;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.composed.ComposedAttention.Projected;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// A [ComposedAttention] layer as the catalogue knows it: input `x`; outputs `y` and, when asked for, the probabilities
/// `probs` and `composed_probs` `[B, H, N, N]` and what a cache holds, `k_cache` and `v_cache` `[B, H, N, Dh]` and, as
/// matrices, `kw_cache` `[B, N, 2, H, H]`.
final class ComposedSubject implements PatternSubject, MixerSubject {
    private static final Map<String, String> NAMES =
            Map.ofEntries(
                    Map.entry("wq", "wq.weight"),
                    Map.entry("wk", "wk.weight"),
                    Map.entry("wv", "wv.weight"),
                    Map.entry("wo", "wo.weight"),
                    Map.entry("q_norm", "q_norm.weight"),
                    Map.entry("k_norm", "k_norm.weight"),
                    Map.entry("sw_pre", "sw_pre"),
                    Map.entry("sw_post", "sw_post"),
                    Map.entry("dw1", "dynamic.dw1"),
                    Map.entry("qkw", "dynamic.qkw"),
                    Map.entry("dd", "dynamic.dd"));

    private final ComposedAttention attention;

    ComposedSubject(ComposedAttention attention) {
        this.attention = attention;
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

    /// Weights of what is switched off may be given: they are not used.
    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach(
                (name, weight) -> {
                    String known = NAMES.get(name);
                    if (known == null || attention.parameters().containsKey(known)) {
                        renamed.put(known == null ? name : known, weight);
                    }
                });
        attention.bind(renamed);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        LazyOutputs outputs = new LazyOutputs();
        outputs.with("y", attention.forward(x));
        outputs.with("probs", () -> writtenOut(x).probabilities());
        outputs.with("composed_probs", () -> writtenOut(x).composed());
        outputs.with("k_cache", () -> headMajor(attention.project(x, 0).k()));
        outputs.with("v_cache", () -> headMajor(attention.project(x, 0).v()));
        if (attention.spec().hasKeyFactors()) {
            outputs.with("kw_cache", () -> attention.keyMatrices(x));
        }
        return outputs;
    }

    private WrittenOutComposition writtenOut(Tensor x) {
        Projected p = attention.project(x, 0);
        return WrittenOutComposition.of(p.q(), p.k(), p.pre(), p.post(), attention.spec().pattern());
    }

    @Override
    public Map<String, Tensor> stepwise(TokenMixer.Step last) {
        KeyValueCache tokens = ((ComposedState) last.state()).tokens();
        return new LazyOutputs()
                .with("y", last.y())
                .with("k_cache", () -> headMajor(tokens.keys()))
                .with("v_cache", () -> headMajor(tokens.values()));
    }

    private static Tensor headMajor(Tensor x) {
        return Layout.permute(x, 0, 2, 1, 3);
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Shape shape = Shape.of(batch, length, attention.width());
        return Map.of("x", SubjectInputs.normal(shape, dtype, seed.split("x")));
    }

    // 4·D·H·Dh, 2·Dh with norms, H² for each static matrix, 4·K·(D + 2·R·H) with K = 2·H·R for the low-rank matrices
    // (16·H·D + 64·H² at rank 2) and 4·H·D for the gates.
    @Override
    public long parameters() {
        ComposedSpec spec = attention.spec();
        long heads = spec.heads;
        long count = 4L * attention.width() * heads * attention.headWidth();
        count += spec.queryKeyNorm.isPresent() ? 2L * attention.headWidth() : 0;
        int stages = (spec.preCompose ? 1 : 0) + (spec.postCompose ? 1 : 0);
        count += spec.staticMixing ? heads * heads * stages : 0;
        long both = 2L * spec.rank * heads;
        count += spec.dynamic ? 4 * both * (attention.width() + both) : 0;
        return count + (spec.gate ? 4 * heads * attention.width() : 0);
    }

    @Override
    public double padding(int length) {
        return attention.padding(length);
    }
}
