package dev.heddle.attention.latent;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
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

/// A [LatentAttention] layer as the catalogue knows it: input `x`; outputs `y` and what a cache holds, `kv_cache`
/// `[B, N, rc]` (after the norm) and `pe_cache` `[B, N, dr]` (after the rotation).
final class LatentSubject implements PatternSubject {
    private final LatentAttention attention;
    private final int prefill;

    /// @param prefill tokens that the recurrent form reads at once before it goes token by token
    /// @throws ConfigException if it is negative
    LatentSubject(LatentAttention attention, int prefill) {
        if (prefill < 0) {
            throw new ConfigException("prefill: " + prefill + " tokens; use 0 or more");
        }
        this.attention = attention;
        this.prefill = prefill;
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
        weights.forEach((name, weight) -> renamed.put(name + ".weight", weight));
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
            case Form.Parallel _ -> parallel(x);
            case Form.Chunkwise(int size) -> cached(x, size, size);
            case Form.Recurrent _ -> cached(x, Math.max(1, prefill), 1);
        };
    }

    private Map<String, Tensor> parallel(Tensor x) {
        return new LazyOutputs()
                .with("y", attention.forward(x))
                .with("kv_cache", () -> attention.latents(x, 0).normed())
                .with("pe_cache", () -> attention.latents(x, 0).rotated());
    }

    private Map<String, Tensor> cached(Tensor x, int first, int chunk) {
        if (chunk < 1) {
            throw new ConfigException("chunk: " + chunk + " tokens; use 1 or more");
        }
        KeyValueCache cache = attention.start(x.dim(0), Math.max(1, x.dim(1)), x.dtype());
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        do {
            int to = (int) Math.min((long) from + (from == 0 ? first : chunk), x.dim(1));
            TokenMixer.Step step = attention.advance(Layout.slice(x, 1, from, to), cache);
            parts.add(step.y());
            cache = (KeyValueCache) step.state();
            from = to;
        } while (from < x.dim(1));
        KeyValueCache last = cache;
        return new LazyOutputs()
                .with("y", Layout.concatenate(1, parts.toArray(Tensor[]::new)))
                .with("kv_cache", () -> attention.latents(last).normed())
                .with("pe_cache", () -> attention.latents(last).rotated());
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of(
                "x", SubjectInputs.normal(Shape.of(batch, length, attention.sizes().width()), dtype, seed.split("x")));
    }

    @Override
    public Cost cost(int length) {
        long state = attention.isRecurrent() ? attention.stateElements(length) : 0;
        return new Cost(attention.sizes().parameters(), attention.multiplyAdds(length), state);
    }

    @Override
    public double padding(int length) {
        return attention.padding(length);
    }

    @Override
    public long stateElements(int length) {
        if (!attention.isRecurrent()) {
            return 0;
        }
        Map<String, Tensor> inputs = sampleInputs(1, length, DType.F32, Seed.of(length));
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        return attention.advance(x, attention.start(1, 1, x.dtype())).state().elements();
    }

    @Override
    public int longest() {
        return attention.spec().longest();
    }
}
