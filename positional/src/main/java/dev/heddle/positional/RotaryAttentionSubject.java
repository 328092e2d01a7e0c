package dev.heddle.positional;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.MaterialisedAttention;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Map;
import java.util.function.Function;

/// Self-attention with rotated queries and keys, every score written out: `x` `[B, N, D]` → `y` and `attn`
/// `[B, H, N, N]`. Weights `q_proj`, `k_proj`, `v_proj`, `o_proj` and, if wanted, `q_proj.bias` ….
final class RotaryAttentionSubject implements Subject {
    private final Function<Positions, Rope> ropes;
    private final int width;
    private final int heads;
    private final int headWidth;
    private final boolean causal;
    private final Projections projections;

    /// @param ropes the rotation for some positions
    RotaryAttentionSubject(Function<Positions, Rope> ropes, Config config, Seed seed) {
        this.ropes = ropes;
        this.heads = config.integer("heads");
        this.headWidth = config.integer("head_dim");
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        int inner = Math.multiplyExact(heads, headWidth);
        this.width = config.integer("dim", inner);
        if (width < 1) {
            throw new ConfigException("dim: " + width + " is less than 1; use 1 or more");
        }
        this.causal = config.flag("causal");
        boolean bias = config.flag("bias");
        this.projections = new Projections(width, inner, bias, seed);
    }

    private static final class Projections extends Module {
        private final Projection query;
        private final Projection key;
        private final Projection value;
        private final Projection out;

        Projections(int width, int inner, boolean bias, Seed seed) {
            this.query = projection("q_proj", width, inner, bias, seed);
            this.key = projection("k_proj", width, inner, bias, seed);
            this.value = projection("v_proj", width, inner, bias, seed);
            this.out = projection("o_proj", inner, width, bias, seed);
        }

        private Projection projection(String name, int inputs, int outputs, boolean bias, Seed seed) {
            Initialiser initialiser = Initialiser.normal(1 / Math.sqrt(inputs));
            Parameter weight = parameter(name, initialiser.create(Shape.of(outputs, inputs), seed.split(name)));
            return new Projection(weight, bias ? parameter(name + ".bias", Tensor.zeros(DType.F32, outputs)) : null);
        }
    }

    private record Projection(Parameter weight, @Nullable Parameter bias) {
        Tensor apply(Tensor x) {
            return MatMul.linear(x, weight.value(), bias == null ? null : bias.value());
        }
    }

    @Override
    public Module module() {
        return projections;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        int length = x.dim(1);
        Positions positions = Positions.input(inputs, 0, length);
        Rope rope = ropes.apply(positions);
        var result =
                MaterialisedAttention.attend(
                        rope.onQueries(heads(projections.query.apply(x)), positions),
                        rope.onKeys(heads(projections.key.apply(x)), positions),
                        heads(projections.value.apply(x)),
                        null,
                        causal ? MaterialisedAttention.causalMask(length, length) : null,
                        1 / Math.sqrt(headWidth));
        Tensor joined = Layout.reshape(result.y(), x.dim(0), length, heads * headWidth);
        return Map.of("y", projections.out.apply(joined), "attn", result.weights());
    }

    private Tensor heads(Tensor x) {
        return Layout.reshape(x, x.dim(0), x.dim(1), heads, headWidth);
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(1).create(Shape.of(batch, length, width), seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        long inner = (long) heads * headWidth;
        return new Cost(projections.parameterCount(), 4L * length * width * inner + 2L * length * length * inner, 0);
    }
}
