package dev.heddle.core.catalog;

/// The ways in which a variant computes its one function. All of them agree up to rounding.
public sealed interface Form {
    /// The whole sequence at once.
    Form PARALLEL = new Parallel();

    /// Token by token with an explicit state; for attention, cached decoding.
    Form RECURRENT = new Recurrent();

    /// Chunk by chunk with carried state.
    static Form chunkwise(int size) {
        return new Chunkwise(size);
    }

    /// The form that a golden file of this mode is about, for what can also be fed token by token.
    static Form ofMode(String mode) {
        return switch (mode) {
            case "decode", "recurrent" -> RECURRENT;
            default -> PARALLEL;
        };
    }

    /// See [#PARALLEL].
    record Parallel() implements Form {}

    /// See [#RECURRENT].
    record Recurrent() implements Form {}

    /// See [#chunkwise].
    ///
    /// @param size tokens in a chunk, 1 or more
    record Chunkwise(int size) implements Form {}

    /// The kinds of forms that a variant declares.
    enum Kind {
        PARALLEL,
        CHUNKWISE,
        RECURRENT
    }
}
