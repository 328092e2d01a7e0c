package dev.heddle.positional;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MaterialisedAttention;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// The attention core with position on the scores or nowhere, every score written out: head-major `q` `[B, H, N, D]`,
/// `k`, `v` `[B, H, M, D]` → `y` and `attn`; linear biases also show their `slopes` and `bias` `[H, N, M]`.
final class AttentionCoreSubject implements Subject {
    private final @Nullable Alibi alibi;
    private final int heads;
    private final int headWidth;
    private final boolean causal;

    AttentionCoreSubject(Alibi.@Nullable Spec alibi, Config config) {
        this.heads = config.integer("heads");
        this.headWidth = config.integer("head_dim");
        if (heads < 1 || headWidth < 1) {
            throw new ConfigException("heads: " + heads + " heads of width " + headWidth + "; both must be 1 or more");
        }
        this.causal = config.flag("causal");
        this.alibi = alibi == null ? null : alibi.create(heads);
    }

    @Override
    public Module module() {
        return alibi == null ? Subject.super.module() : alibi;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor q = input(inputs, "q");
        Tensor k = input(inputs, "k");
        Tensor v = input(inputs, "v");
        int queries = q.dim(1);
        int keys = k.dim(1);
        if (causal && keys < queries) {
            throw new InputException(
                    "attention: "
                            + queries
                            + " queries are causal with "
                            + keys
                            + " keys; there must be at least as many keys as queries");
        }
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        Tensor bias = null;
        if (alibi != null) {
            bias = MaterialisedAttention.biasByPair(alibi.biasByDistance(queries, keys, q.dtype()), queries, keys);
            outputs.put("bias", bias);
            outputs.put("slopes", Tensor.of(alibi.slopes(), heads).cast(q.dtype()));
        }
        Tensor mask = causal ? MaterialisedAttention.causalMask(queries, keys) : null;
        var result = MaterialisedAttention.attend(q, k, v, bias, mask, 1 / Math.sqrt(headWidth));
        outputs.put("y", Layout.permute(result.y(), 0, 2, 1, 3));
        outputs.put("attn", result.weights());
        return outputs;
    }

    private Tensor input(Map<String, Tensor> inputs, String name) {
        Tensor x = SubjectInputs.tensor(inputs, name, 4);
        if (x.dim(1) != heads || (!name.equals("v") && x.dim(3) != headWidth)) {
            throw new ShapeException(
                    "input " + name + ": found " + x.shape() + "; [B, " + heads + ", N, " + headWidth + "] is needed");
        }
        return Layout.permute(x, 0, 2, 1, 3);
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (String name : new String[] {"q", "k", "v"}) {
            Shape shape = Shape.of(batch, heads, length, headWidth);
            inputs.put(name, Initialiser.normal(1).create(shape, seed.split(name)).cast(dtype));
        }
        return inputs;
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, 2L * heads * headWidth * length * length, 0);
    }
}
