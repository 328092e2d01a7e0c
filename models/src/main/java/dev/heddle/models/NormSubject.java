package dev.heddle.models;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;

/// A norm, or blocks with norms in their places, as a function of `x` `[…, D]` to `y` of the same shape.
///
/// @param module what holds the parameters
/// @param width D
/// @param names of weights in golden files
/// @param function x to y
/// @param cost by length
/// @param padding of the blocks' attention, null without blocks
record NormSubject(
        Module module,
        int width,
        WeightNames names,
        UnaryOperator<Tensor> function,
        IntFunction<Cost> cost,
        @Nullable TilePadding padding)
        implements Subject {
    @Override
    public void bind(Map<String, Tensor> weights) {
        module.bind(names.toParameters(weights));
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        return Map.of("y", function.apply(SubjectInputs.floating(inputs, "x")));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(1).create(Shape.of(batch, length, width), seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        return cost.apply(length);
    }

    @Override
    public double padding(int length) {
        return padding == null ? 0 : padding.share(length, cost(length).multiplyAdds());
    }
}
