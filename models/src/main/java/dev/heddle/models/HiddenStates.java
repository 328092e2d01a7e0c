package dev.heddle.models;

import dev.heddle.core.tensor.Tensor;

/// Sees what a stack computes on the way: `embedding` (with position), `hidden.{i}` (after block i, from 0) and
/// `final_norm` (what the output matrix reads), each `[B, N, D]`.
@FunctionalInterface
public interface HiddenStates {
    /// Nobody looks.
    HiddenStates UNSEEN = (name, value) -> {};

    void see(String name, Tensor value);
}
