package dev.heddle.attention;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.nn.Module;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// An [AttentionSubject] whose pattern is the point: it shows the pattern as `mask` `[N, N]` and its number of `pairs`,
/// and the rows of padded tokens are zero.
record PatternLayerSubject(AttentionSubject layer, Attention attention) implements PatternSubject {
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
        return layer.module();
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        layer.bind(weights);
    }

    @Override
    public boolean supports(Form form) {
        return layer.supports(form);
    }

    @Override
    public Form form(String mode) {
        return layer.form(mode);
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Map<String, Tensor> outputs = layer.run(inputs, form);
        Tensor y = requireNonNull(outputs.get("y"));
        Tensor keyMask = inputs.get("key_mask");
        if (keyMask != null) {
            y = Layout.fillWhere(y, keyMask.viewAs(Shape.of(y.dim(0), y.dim(1), 1)), 0);
        }
        int length = y.dim(1);
        return new LazyOutputs()
                .with("y", y)
                .with(
                        "mask",
                        () ->
                                WrittenOut.mask(attention.spec().pattern(), 1, length, length)
                                        .viewAs(Shape.of(length, length)))
                .with("pairs", () -> Tensor.of(new int[] {pairs(length)}, 1));
    }

    private int pairs(int length) {
        return Math.toIntExact(attention.spec().pattern().pairs(length));
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return layer.sampleInputs(batch, length, dtype, seed);
    }

    @Override
    public Cost cost(int length) {
        return layer.cost(length);
    }

    @Override
    public double padding(int length) {
        return layer.padding(length);
    }

    @Override
    public long stateElements(int length) {
        return layer.stateElements(length);
    }
}
