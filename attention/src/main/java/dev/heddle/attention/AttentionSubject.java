package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// An [Attention] layer as the catalogue knows it: inputs `x`, `context`, `key_mask`; outputs `y` and, when asked for,
/// the probabilities `attn` `[B, H, N, M]` and what a cache holds, `k_cache` and `v_cache` `[B, G, M, Dh]`.
final class AttentionSubject implements PatternSubject {
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
    public Module module() {
        return attention;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        weights.forEach((name, weight) -> renamed.put(names.getOrDefault(name, name), weight));
        attention.bind(renamed);
    }

    @Override
    public boolean supports(Form form) {
        return form instanceof Form.Parallel || attention.isRecurrent();
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
        return switch (form) {
            case Form.Parallel _ -> parallel(x, inputs.get("context"), inputs.get("key_mask"));
            case Form.Chunkwise(int size) -> cached(x, size, inputs);
            case Form.Recurrent _ -> cached(x, 1, inputs);
        };
    }

    private Map<String, Tensor> parallel(Tensor x, @Nullable Tensor context, @Nullable Tensor keyMask) {
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

    private Map<String, Tensor> cached(Tensor x, int chunk, Map<String, Tensor> inputs) {
        if (inputs.containsKey("key_mask")) {
            throw new InputException("key_mask: the cached forms take none; use the parallel form");
        }
        if (chunk < 1) {
            throw new ConfigException("chunk: " + chunk + " tokens; use 1 or more");
        }
        KeyValueCache cache = attention.start(x.dim(0), Math.max(1, x.dim(1)), x.dtype());
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        do {
            int to = (int) Math.min((long) from + chunk, x.dim(1));
            TokenMixer.Step step = attention.advance(Layout.slice(x, 1, from, to), cache);
            parts.add(step.y());
            cache = (KeyValueCache) step.state();
            from = to;
        } while (from < x.dim(1));
        KeyValueCache last = cache;
        return new LazyOutputs()
                .with("y", Layout.concatenate(1, parts.toArray(Tensor[]::new)))
                .with("k_cache", () -> headMajor(last.keys()))
                .with("v_cache", () -> headMajor(last.values()));
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

    @Override
    public Cost cost(int length) {
        long state = attention.isRecurrent() ? attention.stateElements(length) : 0;
        return new Cost(parameters(), attention.multiplyAdds(length), state);
    }

    // 2·D·H·Dh + 2·Dc·G·Dh, and (H + 2G)·Dh + D with biases.
    private long parameters() {
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

    @Override
    public long stateElements(int length) {
        if (!attention.isRecurrent()) {
            return 0;
        }
        Tensor x = SubjectInputs.normal(Shape.of(1, length, attention.width()), attention.dtype(), Seed.of(length));
        return attention.advance(x, attention.start(1, 1, x.dtype())).state().elements();
    }
}
