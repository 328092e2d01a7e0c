package dev.heddle.attention.dilated;

import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// [DilatedAttention] as the catalogue knows it: inputs `x` and `key_mask`; outputs `y` and, when asked for, how many
/// pairs `(w, r)` let a query see a key, `multiplicity` `[H, N, N]`, and the query-key `pairs` of each, `[n, H]`.
///
/// The pattern that it shows is the union of those of its pairs.
record DilatedSubject(DilatedAttention attention) implements PatternSubject, MixerSubject {
    @Override
    public AttentionPattern pattern(int length) {
        return patterns().stream().map(AttentionPattern.class::cast).reduce(AttentionPattern::or).orElseThrow();
    }

    private List<DilatedSegments> patterns() {
        return attention.spec().patterns();
    }

    @Override
    public int heads() {
        return attention.spec().heads();
    }

    @Override
    public TokenMixer mixer() {
        return attention;
    }

    /// The inner norm may also go by the name of its setting.
    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach((name, weight) -> renamed.put(name.replaceFirst("^sub_ln\\.", "inner_attn_ln."), weight));
        attention.bind(renamed);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        return outputs(attention.forward(x, inputs.get("key_mask")));
    }

    @Override
    public Map<String, Tensor> stepwise(TokenMixer.Step last) {
        return outputs(last.y());
    }

    private Map<String, Tensor> outputs(Tensor y) {
        int length = y.dim(1);
        return new LazyOutputs()
                .with("y", y)
                .with("multiplicity", () -> multiplicity(length))
                .with("pairs", () -> pairs(length));
    }

    private Tensor multiplicity(int length) {
        int[] counts = new int[Math.multiplyExact(Math.multiplyExact(heads(), length), length)];
        for (DilatedSegments pattern : patterns()) {
            for (int at = 0; at < counts.length; at++) {
                int row = at / length;
                counts[at] += pattern.allows(row / length, row % length, at % length) ? 1 : 0;
            }
        }
        return Tensor.of(counts, heads(), length, length);
    }

    private Tensor pairs(int length) {
        List<DilatedSegments> patterns = patterns();
        int[] pairs = new int[patterns.size() * heads()];
        for (int at = 0; at < pairs.length; at++) {
            pairs[at] = Math.toIntExact(patterns.get(at / heads()).pairs(at % heads(), length, length));
        }
        return Tensor.of(pairs, patterns.size(), heads());
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", SubjectInputs.normal(Shape.of(batch, length, attention.width()), dtype, seed.split("x")));
        if (!attention.spec().causal()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, length));
        }
        return inputs;
    }

    // 4·D² + D, 3·D more with biases and 2·D with a norm.
    @Override
    public long parameters() {
        long width = attention.width();
        return 4 * width * width
                + width
                + (attention.spec().bias() ? 3 * width : 0)
                + (attention.spec().innerNorm() ? 2 * width : 0);
    }

    @Override
    public double padding(int length) {
        return attention.padding(length);
    }
}
