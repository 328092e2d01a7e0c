package dev.heddle.attention.compressed;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// A [TdmcaLayer] as the catalogue knows it: input `x`; outputs `y` and, when asked for, `mask` `[N, columns]`, its number
/// of `pairs`, and the compressed `memory` `[B, columns, D]` where there is one.
class TdmcaSubject implements MixerSubject {
    private final TdmcaLayer layer;
    private final Map<String, String> names;
    private final long parameters;

    /// @param names the parameters of the layer by their golden names, where they differ
    /// @param parameters how many numbers the layer promises to train
    TdmcaSubject(TdmcaLayer layer, Map<String, String> names, long parameters) {
        this.layer = layer;
        this.names = names;
        this.parameters = parameters;
    }

    final TdmcaLayer layer() {
        return layer;
    }

    @Override
    public TokenMixer mixer() {
        return layer;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach((name, weight) -> renamed.put(names.getOrDefault(name, name), weight));
        layer.bind(renamed);
    }

    @Override
    public final Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        if (inputs.size() > 1) {
            throw new InputException(
                    "inputs: found " + inputs.keySet() + "; this layer's memory is made from x, and x alone is needed");
        }
        int length = x.dim(1);
        LazyOutputs outputs =
                new LazyOutputs()
                        .with("y", layer.forward(x))
                        .with("mask", () -> mask(length))
                        .with("pairs", () -> Tensor.of(new int[] {Math.toIntExact(layer.pairs(length))}, 1));
        return layer instanceof InputCompressedAttention compressed
                ? outputs.with("memory", () -> compressed.memory(x))
                : outputs;
    }

    private Tensor mask(int length) {
        int columns = layer.columns(length);
        AttentionPattern pattern = layer.pattern(length);
        boolean[] allowed = new boolean[Math.multiplyExact(length, columns)];
        for (int pair = 0; pair < allowed.length; pair++) {
            allowed[pair] = pattern.allows(0, pair / columns + columns - length, pair % columns);
        }
        return Tensor.of(allowed, length, columns);
    }

    @Override
    public MixerState start(Tensor x) {
        return layer.startOf(x.dim(0), x.dim(1), x.dtype());
    }

    @Override
    public long parameters() {
        return parameters;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Shape shape = Shape.of(batch, length, layer.width());
        return Map.of("x", SubjectInputs.normal(shape, dtype, seed.split("x")));
    }

    @Override
    public double padding(int length) {
        return layer.padding(length);
    }
}
