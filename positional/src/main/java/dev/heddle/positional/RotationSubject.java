package dev.heddle.positional;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/// The rotation by itself: `x` `[B, H, N, D]` (head-major) and `positions` → `y`, with `inv_freq`, `cos`, `sin` and
/// `attention_factor`.
final class RotationSubject implements Subject {
    private static final int SAMPLE_HEADS = 2;

    private final Function<Positions, Rope> ropes;
    private final int headWidth;

    /// @param ropes the rotation for some positions
    RotationSubject(Function<Positions, Rope> ropes, int headWidth) {
        this.ropes = ropes;
        this.headWidth = headWidth;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.tensor(inputs, "x", 4);
        Positions positions = Positions.input(inputs, 0, x.dim(2));
        Rope rope = ropes.apply(positions);
        Tensor rotated = rope.onQueries(Layout.permute(x, 0, 2, 1, 3), positions);
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        outputs.put("y", Layout.permute(rotated, 0, 2, 1, 3));
        double[] frequencies = rope.frequencies();
        outputs.put("inv_freq", Tensor.of(frequencies, frequencies.length).cast(x.dtype()));
        outputs.put("cos", Positions.inAxesOfInput(inputs, rope.cosines(positions, x.dtype())));
        outputs.put("sin", Positions.inAxesOfInput(inputs, rope.sines(positions, x.dtype())));
        outputs.put("attention_factor", Tensor.full(x.dtype(), Shape.of(1), rope.attentionFactor()));
        return outputs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Shape shape = Shape.of(batch, SAMPLE_HEADS, length, headWidth);
        return Map.of("x", Initialiser.normal(1).create(shape, seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, 0, 0);
    }
}
