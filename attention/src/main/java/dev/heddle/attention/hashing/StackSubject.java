package dev.heddle.attention.hashing;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A [ReversibleLsh] stack: inputs `x` `[B, N, D]` and `rotations.{l}`; output `y`.
record StackSubject(ReversibleLsh stack) implements Subject {
    @Override
    public Module module() {
        return stack;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach(
                (name, weight) ->
                        renamed.put(
                                name.replaceFirst("attn\\.to", "attn.layer.to").replaceFirst("ff\\.w", "ff.layer.fc"),
                                weight));
        stack.bind(renamed);
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        List<@Nullable Tensor> rotations = new ArrayList<>();
        for (int l = 0; l < stack.spec().depth(); l++) {
            rotations.add(inputs.get("rotations." + l));
        }
        return Map.of("y", stack.forward(SubjectInputs.tensor(inputs, "x", 3), rotations));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", SubjectInputs.normal(Shape.of(batch, length, stack.width()), dtype, seed));
    }

    // A block: three matrices and a bias; two matrices and biases between D and the MLP's width; two norms.
    @Override
    public Cost cost(int length) {
        long width = stack.width();
        long hidden = width * stack.spec().expansion();
        long block = 3 * width * width + width + 2 * width * hidden + hidden + width + 4 * width;
        return new Cost(stack.spec().depth() * block, stack.multiplyAdds(length), 0);
    }

    @Override
    public double padding(int length) {
        return stack.padding(length);
    }
}
