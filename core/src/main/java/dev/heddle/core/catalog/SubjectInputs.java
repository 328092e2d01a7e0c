package dev.heddle.core.catalog;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// Reads and draws the named inputs of a [Subject].
public final class SubjectInputs {
    private SubjectInputs() {}

    /// The input of this name.
    ///
    /// @param rank axes it must have
    /// @throws InputException if it is missing
    /// @throws ShapeException if it has other axes or is not floating
    public static Tensor tensor(Map<String, Tensor> inputs, String name, int rank) {
        Tensor input = present(inputs, name);
        if (input.rank() != rank || !input.dtype().isFloating()) {
            throw new ShapeException("input " + name + ": found " + input + "; " + rank + " floating axes are needed");
        }
        return input;
    }

    /// The input of this name, of any axes.
    ///
    /// @throws InputException if it is missing
    /// @throws ShapeException if it is not floating
    public static Tensor floating(Map<String, Tensor> inputs, String name) {
        return tensor(inputs, name, present(inputs, name).rank());
    }

    /// The input of this name, of whole numbers.
    ///
    /// @param rank axes it must have
    /// @throws InputException if it is missing
    /// @throws ShapeException if it has other axes or is not I32
    public static Tensor integers(Map<String, Tensor> inputs, String name, int rank) {
        Tensor input = present(inputs, name);
        if (input.rank() != rank || input.dtype() != DType.I32) {
            throw new ShapeException("input " + name + ": found " + input + "; " + rank + " axes of I32 are needed");
        }
        return input;
    }

    private static Tensor present(Map<String, Tensor> inputs, String name) {
        Tensor input = inputs.get(name);
        if (input == null) {
            throw new InputException("input " + name + ": missing; inputs given: " + inputs.keySet());
        }
        return input;
    }

    /// Standard Gaussian numbers.
    public static Tensor normal(Shape shape, DType dtype, Seed seed) {
        return Initialiser.normal(1).create(shape, seed).cast(dtype);
    }

    /// A mask `[B, M]` of sequences that end in ever more padding; the first one has none.
    public static Tensor padding(int batch, int keys) {
        boolean[] real = new boolean[batch * keys];
        for (int b = 0; b < batch; b++) {
            for (int j = 0; j < keys; j++) {
                real[b * keys + j] = j < keys - b;
            }
        }
        return Tensor.of(real, batch, keys);
    }
}
