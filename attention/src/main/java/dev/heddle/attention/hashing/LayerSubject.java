package dev.heddle.attention.hashing;

import dev.heddle.attention.MixerSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// An [LshAttention] layer: inputs `x` `[B, N, D]`, `key_mask` `[B, N]` and `rotations`; output `y`.
record LayerSubject(LshAttention layer) implements MixerSubject {
    @Override
    public TokenMixer mixer() {
        return layer;
    }

    @Override
    public Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs) {
        return Map.of("y", layer.forward(x, inputs.get("key_mask"), inputs.get("rotations")));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("x", SubjectInputs.normal(Shape.of(batch, length, layer.width()), dtype, seed.split("x")));
        if (!layer.spec().rules().causal()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, length));
        }
        return inputs;
    }

    // Three matrices, and the biases of one.
    @Override
    public long parameters() {
        long width = layer.width();
        return 3 * width * width + width;
    }

    @Override
    public double padding(int length) {
        return layer.padding(length);
    }
}
