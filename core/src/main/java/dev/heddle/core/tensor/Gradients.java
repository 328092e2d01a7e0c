package dev.heddle.core.tensor;

import org.jspecify.annotations.Nullable;

import java.util.Map;

/// The gradients of one backward pass, by tensor.
public final class Gradients {
    private final Map<Node, Tensor> byNode;

    Gradients(Map<Node, Tensor> byNode) {
        this.byNode = byNode;
    }

    /// The gradient with respect to a leaf, zeros if the output does not depend on it.
    ///
    /// @throws IllegalArgumentException if the tensor is a constant
    public Tensor of(Tensor leaf) {
        Node node = leaf.node();
        if (node == null) {
            throw new IllegalArgumentException("gradient: " + leaf + " is a constant; mark it with Autograd.variable");
        }
        @Nullable Tensor gradient = byNode.get(node);
        return gradient == null ? Tensor.zeros(leaf.dtype(), leaf.shape()) : gradient;
    }
}
