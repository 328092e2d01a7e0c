package dev.heddle.positional;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;

/// An encoding that is added to embeddings: `x` `[B, N, D]` and, if they are not `offset, offset + 1, …`, `positions`
/// → `y`; sinusoids also show their `table` `[N, D]`.
final class AdditiveSubject implements Subject {
    private final EmbeddingPosition encoding;
    private final int width;
    private final int offset;

    AdditiveSubject(EmbeddingPosition encoding, int width, int offset) {
        if (offset < 0) {
            throw new ConfigException("offset: " + offset + " is negative; positions count from 0");
        }
        this.encoding = encoding;
        this.width = width;
        this.offset = offset;
        if (longest() < 1) {
            throw new ConfigException("offset: " + offset + " is beyond the table; no position is left");
        }
    }

    @Override
    public Module module() {
        return encoding;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        Positions positions = Positions.input(inputs, offset, x.dim(1));
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        outputs.put("y", encoding.apply(x, positions));
        if (encoding instanceof Sinusoidal sinusoids) {
            outputs.put("table", Positions.inAxesOfInput(inputs, sinusoids.rows(positions, x.dtype())));
        }
        return outputs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(1).create(Shape.of(batch, length, width), seed).cast(dtype));
    }

    @Override
    public int longest() {
        return encoding instanceof Learned learned ? learned.positions() - offset : Subject.super.longest();
    }

    @Override
    public Cost cost(int length) {
        return new Cost(encoding.parameterCount(), 0, 0);
    }
}
