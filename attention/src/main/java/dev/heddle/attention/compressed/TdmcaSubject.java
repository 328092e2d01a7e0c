package dev.heddle.attention.compressed;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A [TdmcaLayer] as the catalogue knows it: input `x`; outputs `y` and, when asked for, `mask` `[N, columns]`, its number
/// of `pairs`, and the compressed `memory` `[B, columns, D]` where there is one.
class TdmcaSubject implements Subject {
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
    public Module module() {
        return layer;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach((name, weight) -> renamed.put(names.getOrDefault(name, name), weight));
        layer.bind(renamed);
    }

    @Override
    public boolean supports(Form form) {
        return form instanceof Form.Parallel || layer.isRecurrent();
    }

    @Override
    public Form form(String mode) {
        return switch (mode) {
            case "decode", "recurrent" -> Form.RECURRENT;
            default -> Form.PARALLEL;
        };
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        if (inputs.size() > 1) {
            throw new InputException(
                    "inputs: found " + inputs.keySet() + "; this layer's memory is made from x, and x alone is needed");
        }
        return switch (form) {
            case Form.Parallel _ -> parallel(x);
            case Form.Chunkwise(int size) -> Map.of("y", stepwise(x, size));
            case Form.Recurrent _ -> Map.of("y", stepwise(x, 1));
        };
    }

    private Map<String, Tensor> parallel(Tensor x) {
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

    private Tensor stepwise(Tensor x, int chunk) {
        if (chunk < 1) {
            throw new ConfigException("chunk: " + chunk + " tokens; use 1 or more");
        }
        MixerState state = layer.startOf(x.dim(0), x.dim(1), x.dtype());
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        do {
            int to = (int) Math.min((long) from + chunk, x.dim(1));
            TokenMixer.Step step = layer.advance(Layout.slice(x, 1, from, to), state);
            parts.add(step.y());
            state = step.state();
            from = to;
        } while (from < x.dim(1));
        return Layout.concatenate(1, parts.toArray(Tensor[]::new));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Shape shape = Shape.of(batch, length, layer.width());
        return Map.of("x", SubjectInputs.normal(shape, dtype, seed.split("x")));
    }

    @Override
    public Cost cost(int length) {
        long state = layer.isRecurrent() ? layer.stateElements(length) : 0;
        return new Cost(parameters, layer.multiplyAdds(length), state);
    }

    @Override
    public double padding(int length) {
        return layer.padding(length);
    }

    @Override
    public long stateElements(int length) {
        if (!layer.isRecurrent()) {
            return 0;
        }
        DType dtype = layer.parameters().values().iterator().next().value().dtype();
        Tensor x = SubjectInputs.normal(Shape.of(1, length, layer.width()), dtype, Seed.of(length));
        return layer.advance(x, layer.startOf(1, length, dtype)).state().elements();
    }
}
