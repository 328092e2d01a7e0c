package dev.heddle.positional;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// Reads the named inputs of a catalogue subject, refusing what does not fit.
final class SubjectInputs {
    private SubjectInputs() {}

    static Tensor tensor(Map<String, Tensor> inputs, String name, int rank) {
        Tensor input = inputs.get(name);
        if (input == null) {
            throw new InputException("input " + name + ": missing; inputs given: " + inputs.keySet());
        }
        if (input.rank() != rank || !input.dtype().isFloating()) {
            throw new ShapeException("input " + name + ": found " + input + "; " + rank + " floating axes are needed");
        }
        return input;
    }

    /// The input `positions`, or `offset, offset + 1, …`.
    static Positions positions(Map<String, Tensor> inputs, int offset, int tokens) {
        Tensor given = inputs.get("positions");
        return given == null ? Positions.range(offset, tokens) : Positions.of(given);
    }
}
