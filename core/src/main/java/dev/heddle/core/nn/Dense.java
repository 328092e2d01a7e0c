package dev.heddle.core.nn;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// `y = x·Wᵀ + b` with parameters `weight` `[out, in]` and, if wanted, `bias` `[out]` (zero at first).
public final class Dense extends Linear {
    private final int inputs;
    private final int outputs;
    private final Parameter weight;
    private final @Nullable Parameter bias;

    /// @throws ConfigException if a width is less than 1
    public Dense(int inputs, int outputs, boolean bias, Initialiser initialiser, Seed seed) {
        if (inputs < 1 || outputs < 1) {
            throw new ConfigException(
                    "linear: " + inputs + " inputs and " + outputs + " outputs; both must be 1 or more");
        }
        this.inputs = inputs;
        this.outputs = outputs;
        this.weight = parameter("weight", initialiser.create(Shape.of(outputs, inputs), seed.split("weight")));
        this.bias = bias ? parameter("bias", Initialiser.constant(0).create(Shape.of(outputs), seed)) : null;
    }

    @Override
    public Tensor forward(Tensor x) {
        return MatMul.linear(x, weight.value(), bias == null ? null : bias.value());
    }

    @Override
    public Tensor forward(Tensor x, Activation activation) {
        return MatMul.linear(x, weight.value(), bias == null ? null : bias.value(), activation);
    }

    @Override
    public int inputs() {
        return inputs;
    }

    @Override
    public int outputs() {
        return outputs;
    }

    @Override
    public long multiplyAdds() {
        return (long) inputs * outputs;
    }

    public Parameter weight() {
        return weight;
    }
}
