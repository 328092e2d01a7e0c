package dev.heddle.models;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;

/// A [DecoderStack] as the suites see it: `tokens` and, if it is given them, `targets` to `y` (logits), `loss`, the
/// [HiddenStates] and, in the forms with a state, `cache.{i}.k` and `cache.{i}.v`.
///
/// Without `targets` the loss is that of predicting the next token at every position but the last.
final class LanguageModelSubject implements Subject {
    private final DecoderStack model;
    private final WeightNames names;
    private final int ignoredTarget;
    private final IntFunction<Cost> cost;
    private final TilePadding padding;

    LanguageModelSubject(
            DecoderStack model, WeightNames names, int ignoredTarget, IntFunction<Cost> cost, TilePadding padding) {
        this.model = model;
        this.names = names;
        this.ignoredTarget = ignoredTarget;
        this.cost = cost;
        this.padding = padding;
    }

    @Override
    public Module module() {
        return model;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        model.bind(names.toParameters(weights));
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor tokens = SubjectInputs.integers(inputs, "tokens", 2);
        var outputs = new LazyOutputs();
        Tensor logits =
                switch (form) {
                    case Form.Parallel _ -> parallel(tokens, outputs);
                    case Form.Chunkwise chunks -> decode(tokens, chunks.size(), outputs);
                    case Form.Recurrent _ -> decode(tokens, 1, outputs);
                };
        outputs.with("y", logits);
        Tensor targets = inputs.get("targets");
        int last = tokens.dim(1) - 1;
        if (targets != null) {
            outputs.with("loss", CrossEntropy.mean(logits, targets, ignoredTarget, 0));
        } else if (last > 0) {
            Tensor following = Layout.slice(tokens, 1, 1, last + 1);
            outputs.with("loss", CrossEntropy.mean(Layout.slice(logits, 1, 0, last), following, ignoredTarget, 0));
        }
        return outputs;
    }

    // The parallel form makes no caches; those that a golden file wants to see come from decoding all tokens at once.
    private Tensor parallel(Tensor tokens, LazyOutputs outputs) {
        for (int i = 0; i < model.depth(); i++) {
            int block = i;
            outputs.with("cache." + i + ".k", () -> cache(tokens, block, KeyValueCache::keys));
            outputs.with("cache." + i + ".v", () -> cache(tokens, block, KeyValueCache::values));
        }
        return model.forward(tokens, outputs::with);
    }

    private Tensor cache(Tensor tokens, int block, Function<KeyValueCache, Tensor> part) {
        return Autograd.inference(
                () -> {
                    DecodeState state = model.start(tokens.dim(0), tokens.dim(1));
                    return headMajor(model.advance(tokens, state).state(), block, part);
                });
    }

    private static Tensor headMajor(DecodeState state, int block, Function<KeyValueCache, Tensor> part) {
        return Layout.permute(part.apply((KeyValueCache) state.blocks().get(block)), 0, 2, 1, 3);
    }

    private Tensor decode(Tensor tokens, int chunk, LazyOutputs outputs) {
        int length = tokens.dim(1);
        DecodeState state = model.start(tokens.dim(0), Math.max(1, length));
        List<Tensor> logits = new ArrayList<>();
        for (int from = 0; from < length; from += chunk) {
            int to = (int) Math.min((long) from + chunk, length);
            DecoderStack.Step step = model.advance(Layout.slice(tokens, 1, from, to), state);
            logits.add(step.logits());
            state = step.state();
        }
        for (int i = 0; i < model.depth(); i++) {
            outputs.with("cache." + i + ".k", headMajor(state, i, KeyValueCache::keys));
            outputs.with("cache." + i + ".v", headMajor(state, i, KeyValueCache::values));
        }
        return Layout.concatenate(1, logits.toArray(Tensor[]::new));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        RandomGenerator random = seed.generator();
        return Map.of(
                "tokens",
                Tensor.of(random.ints((long) batch * length, 0, model.vocabulary()).toArray(), batch, length));
    }

    @Override
    public Cost cost(int length) {
        return cost.apply(length);
    }

    @Override
    public double padding(int length) {
        return padding.share(length, cost(length).multiplyAdds());
    }

    @Override
    public long stateElements(int length) {
        Tensor tokens = Tensor.zeros(DType.I32, 1, length);
        return model.advance(tokens, model.start(1, length)).state().elements();
    }

    @Override
    public int longest() {
        return model.maxLength();
    }
}
