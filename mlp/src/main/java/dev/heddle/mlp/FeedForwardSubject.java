package dev.heddle.mlp;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.InputException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;
import java.util.function.UnaryOperator;

/// A feed-forward layer: `x` `[…, D]` → `y` and `hidden` `[…, Hd]`, what goes into the last projection or its norm.
final class FeedForwardSubject implements Subject {
    private final FeedForward layer;
    private final UnaryOperator<Tensor> first;
    private final UnaryOperator<Tensor> last;
    private final int width;

    FeedForwardSubject(Mlp layer, int width) {
        this(layer, layer::hiddenOf, layer::project, width);
    }

    FeedForwardSubject(Glu layer, int width) {
        this(layer, layer::hiddenOf, layer::project, width);
    }

    private FeedForwardSubject(FeedForward layer, UnaryOperator<Tensor> first, UnaryOperator<Tensor> last, int width) {
        this.layer = layer;
        this.first = first;
        this.last = last;
        this.width = width;
    }

    @Override
    public Module module() {
        return layer;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = inputs.get("x");
        if (x == null) {
            throw new InputException("input x: missing; inputs given: " + inputs.keySet());
        }
        Tensor hidden = first.apply(x);
        return Map.of("y", last.apply(hidden), "hidden", hidden);
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(1).create(Shape.of(batch, length, width), seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        return new Cost(layer.parameterCount(), layer.multiplyAdds() * length, 0);
    }
}
