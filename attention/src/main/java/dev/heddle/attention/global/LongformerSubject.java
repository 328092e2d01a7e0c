package dev.heddle.attention.global;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.MixerInputs;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;

/// [Longformer] as the catalogue knows it: inputs `x`, `global_mask`, `key_mask`; outputs `y` and, when asked for, which
/// pairs were allowed, `mask` `[B, H, N, N]`, and how many, `pairs` `[B, H]`.
///
/// The pattern that it shows is that of the windows: which tokens are global comes with the text.
record LongformerSubject(Longformer attention) implements MixerSubject, PatternSubject {
    private static final String GLOBAL = "_global.";

    @Override
    public AttentionPattern pattern(int length) {
        return attention.spec().windows();
    }

    @Override
    public int heads() {
        return attention.spec().heads();
    }

    @Override
    public TokenMixer mixer() {
        return attention;
    }

    /// Weights of a model without global tokens may lack the projections for them.
    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> complete = new LinkedHashMap<>(weights);
        if (weights.keySet().stream().noneMatch(name -> name.contains(GLOBAL))) {
            attention
                    .parameters()
                    .forEach(
                            (name, parameter) -> {
                                if (name.contains(GLOBAL)) {
                                    complete.put(name, parameter.value());
                                }
                            });
        }
        attention.bind(complete);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        Tensor globalMask = inputs.get("global_mask");
        Tensor keyMask = inputs.get("key_mask");
        LazyOutputs outputs = new LazyOutputs().with("y", attention.forward(x, globalMask, keyMask));
        outputs.with("mask", () -> mask(attention.globals(x, globalMask, keyMask)));
        return outputs.with("pairs", () -> pairs(requireNonNull(outputs.get("mask"))));
    }

    private Tensor mask(GlobalTokens globals) {
        int heads = attention.spec().heads();
        int length = globals.length();
        Shape shape = Shape.of(globals.batch(), heads, length, length);
        boolean[] mask = new boolean[Math.toIntExact(shape.elements())];
        for (int at = 0; at < mask.length; at++) {
            int row = at / length;
            int head = row / length;
            mask[at] = attention.allows(globals, head / heads, head % heads, row % length, at % length);
        }
        return Tensor.of(mask, shape.toArray());
    }

    private static Tensor pairs(Tensor mask) {
        boolean[] allowed = mask.toBooleans();
        int each = mask.dim(2) * mask.dim(3);
        int[] pairs = new int[mask.dim(0) * mask.dim(1)];
        for (int at = 0; at < allowed.length; at++) {
            pairs[at / each] += allowed[at] ? 1 : 0;
        }
        return Tensor.of(pairs, mask.dim(0), mask.dim(1));
    }

    /// The forms that carry a state are told at their start which tokens are global.
    @Override
    public MixerState start(Tensor x, Map<String, Tensor> inputs) {
        Map<String, Tensor> others = new LinkedHashMap<>(inputs);
        Tensor globalMask = others.remove("global_mask");
        MixerState withoutGlobals = MixerSubject.super.start(x, others);
        if (globalMask == null) {
            return withoutGlobals;
        }
        MixerInputs.requireMask("global_mask", globalMask, x);
        return attention.start(globalMask, Math.max(1, x.dim(1)), x.dtype());
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", SubjectInputs.normal(Shape.of(batch, length, attention.width()), dtype, seed.split("x")));
        if (!attention.spec().causal()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, length));
        }
        if (attention.spec().globalTokens()) {
            inputs.put("global_mask", globals(batch, length));
        }
        return inputs;
    }

    // Two in the first sequence, three places apart, and one in the others.
    private static Tensor globals(int batch, int length) {
        boolean[] global = new boolean[batch * length];
        for (int b = 0; b < batch; b++) {
            global[b * length + Math.min(b, length - 1)] = true;
        }
        if (length > 3) {
            global[3] = true;
        }
        return Tensor.of(global, batch, length);
    }

    // Where the first sequence of a sample has them.
    private int[] sampled(int length) {
        if (!attention.spec().globalTokens()) {
            return new int[0];
        }
        boolean[] global = globals(1, length).toBooleans();
        return IntStream.range(0, length).filter(i -> global[i]).toArray();
    }

    @Override
    public Cost cost(int length) {
        long state = attention.isRecurrent() ? attention.stateElements(length, sampled(length)) : 0;
        return new Cost(parameters(), multiplyAdds(length), state);
    }

    @Override
    public long multiplyAdds(int length) {
        return attention.multiplyAdds(length, sampled(length));
    }

    // D² for each projection, D more with biases, and D² + D for the output.
    @Override
    public long parameters() {
        LongformerSpec spec = attention.spec();
        long width = attention.width();
        long kinds = spec.globalTokens() ? 2 : 1;
        return 3 * kinds * (width * width + (spec.bias() ? width : 0))
                + (spec.outputProjection() ? width * width + width : 0);
    }

    @Override
    public double padding(int length) {
        return attention.padding(length, sampled(length));
    }
}
