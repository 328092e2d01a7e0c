package dev.heddle.attention;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// An [AttentionSubject] whose pattern is the point: it shows the pattern as `mask` `[N, N]` and its number of `pairs`,
/// and the rows of padded tokens are zero.
record PatternLayerSubject(AttentionSubject layer) implements PatternSubject, MixerSubject {
    @Override
    public TokenMixer mixer() {
        return layer.mixer();
    }

    @Override
    public AttentionPattern pattern(int length) {
        return layer.pattern(length);
    }

    @Override
    public int heads() {
        return layer.heads();
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        layer.bind(weights);
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        Tensor y = requireNonNull(layer.parallel(x, inputs).get("y"));
        return outputs(MixerInputs.zeroPadding(y, inputs.get("key_mask")));
    }

    @Override
    public MixerState start(Tensor x, Map<String, Tensor> inputs) {
        return layer.start(x, inputs);
    }

    @Override
    public TokenMixer.Step advance(Tensor x, MixerState state, Map<String, Tensor> inputs) {
        TokenMixer.Step step = layer.advance(x, state, inputs);
        Tensor keyMask = inputs.get("key_mask");
        if (keyMask == null) {
            return step;
        }
        int keys = ((KeyValueCache) step.state()).length();
        Tensor own = Layout.slice(keyMask, 1, keys - x.dim(1), keys);
        return new TokenMixer.Step(MixerInputs.zeroPadding(step.y(), own), step.state());
    }

    @Override
    public Map<String, Tensor> stepwise(TokenMixer.Step last) {
        return outputs(last.y());
    }

    private Map<String, Tensor> outputs(Tensor y) {
        int length = y.dim(1);
        AttentionPattern pattern = pattern(length);
        return new LazyOutputs()
                .with("y", y)
                .with("mask", () -> PatternSubject.mask(pattern, 1, length).viewAs(Shape.of(length, length)))
                .with("pairs", () -> Tensor.of(new int[] {Math.toIntExact(pattern.pairs(length))}, 1));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return layer.sampleInputs(batch, length, dtype, seed);
    }

    @Override
    public long parameters() {
        return layer.parameters();
    }

    @Override
    public double padding(int length) {
        return layer.padding(length);
    }
}
