package dev.heddle.core.tensor;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.atomic.AtomicLong;

/// One entry of the tape: what made a tensor, or a leaf. The number orders entries by creation, which is a topological
/// order, since an operation's inputs exist before its output.
final class Node {
    private static final AtomicLong COUNTER = new AtomicLong();

    final long number = COUNTER.getAndIncrement();
    final @Nullable Call call;

    private Node(@Nullable Call call) {
        this.call = call;
    }

    static Node leaf() {
        return new Node(null);
    }

    static Node output(Call call) {
        return new Node(call);
    }

    /// An operation that was carried out: its inputs and how gradients go back through it. Several outputs share it.
    static final class Call {
        final @Nullable Node[] inputs;
        final Autograd.MultiBackward backward;
        final Node[] outputs;

        Call(@Nullable Node[] inputs, Autograd.MultiBackward backward, int outputs) {
            this.inputs = inputs;
            this.backward = backward;
            this.outputs = new Node[outputs];
        }
    }
}
