package dev.heddle.attention;

import static java.util.Objects.requireNonNull;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// A layer computed with heads that are pooled from those of another one: its parameters are the unpooled ones, and the
/// pooled `wk`, `wv` (and `bk`, `bv`) are among its outputs.
final class ConversionSubject implements Subject {
    private final Attention source;
    private final Attention target;
    private final AttentionSubject unpooled;
    private final AttentionSubject pooled;
    private final Map<String, String> names;

    ConversionSubject(Attention source, int keyValueHeads, Map<String, String> names) {
        this.source = source;
        this.target = source.spec().keyValueHeads(keyValueHeads).create(source.width(), Seed.of(0));
        this.unpooled = new AttentionSubject(source, names);
        this.pooled = new AttentionSubject(target, names);
        this.names = names;
    }

    @Override
    public Module module() {
        return source;
    }

    @Override
    public void bind(Map<String, Tensor> weights) {
        unpooled.bind(weights);
    }

    @Override
    public boolean supports(Form form) {
        return pooled.supports(form);
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Map<String, Tensor> weights = HeadConversion.pool(source, target.spec().keyValueHeads());
        target.bind(weights);
        LazyOutputs outputs = new LazyOutputs();
        outputs.with("y", requireNonNull(pooled.run(inputs, form).get("y")));
        names.forEach(
                (golden, name) -> {
                    Tensor weight = weights.get(name);
                    if (weight != null && (name.startsWith("wk.") || name.startsWith("wv."))) {
                        outputs.with(golden, weight);
                    }
                });
        return outputs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return pooled.sampleInputs(batch, length, dtype, seed);
    }

    @Override
    public Cost cost(int length) {
        Cost cost = pooled.cost(length);
        return new Cost(unpooled.cost(length).parameters(), cost.multiplyAdds(), cost.stateElements());
    }

    @Override
    public double padding(int length) {
        return pooled.padding(length);
    }

    @Override
    public long stateElements(int length) {
        target.bind(HeadConversion.pool(source, target.spec().keyValueHeads()));
        return pooled.stateElements(length);
    }
}
