package dev.heddle.core.nn;

import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// A table `weight` `[V, D]` with one row a token.
public final class Embedding extends Module {
    private final Parameter weight;

    public Embedding(int vocabulary, int width, Initialiser initialiser, Seed seed) {
        this.weight = parameter("weight", initialiser.create(Shape.of(vocabulary, width), seed.split("weight")));
    }

    /// `[…]` I32 → `[…, D]`.
    ///
    /// @throws dev.heddle.core.error.InputException if a token is outside the table
    public Tensor forward(Tensor tokens) {
        return Gather.rows(weight.value(), tokens, "token");
    }

    /// The table as an output layer (a tied embedding): `[…, D]` → logits `[…, V]`.
    public Tensor logits(Tensor x) {
        return MatMul.linear(x, weight.value(), null);
    }

    public Parameter weight() {
        return weight;
    }
}
