package dev.heddle.core.tensor;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Kernels;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Supplier;

/// Reverse-mode differentiation on an eager tape.
///
/// An operation computes its output and records how gradients go back; the tape is the graph of tensors that results,
/// and it goes away with them. Any module may add an operation through [#record(Tensor, Backward, Tensor...)].
public final class Autograd {
    private static final ThreadLocal<Integer> PAUSED = ThreadLocal.withInitial(() -> 0);

    private Autograd() {}

    /// Turns the gradient of an output into the gradients of the inputs, in their order; null where an input needs none.
    @FunctionalInterface
    public interface Backward {
        @Nullable Tensor[] apply(Tensor gradient);
    }

    /// [Backward] for several outputs: an entry is null if nothing depends on that output.
    @FunctionalInterface
    public interface MultiBackward {
        @Nullable Tensor[] apply(@Nullable Tensor[] gradients);
    }

    /// A tensor over the same data whose gradient can be asked for: a leaf of the tape.
    public static Tensor variable(Tensor data) {
        Tensor leaf = data.detach();
        leaf.attach(Node.leaf());
        return leaf;
    }

    /// Records an operation and returns its output. Call it last: it also keeps the inputs' memory alive until the
    /// kernels that were given their addresses are done.
    public static Tensor record(Tensor output, Backward backward, Tensor... inputs) {
        if (isRecorded(inputs)) {
            Node.Call call = new Node.Call(nodes(inputs), gradients -> backward.apply(gradients[0]), 1);
            attach(call, 0, output);
        }
        Reference.reachabilityFence(inputs);
        return output;
    }

    /// [#record(Tensor, Backward, Tensor...)] for an operation with several outputs.
    public static void record(List<Tensor> outputs, MultiBackward backward, Tensor... inputs) {
        if (isRecorded(inputs)) {
            Node.Call call = new Node.Call(nodes(inputs), backward, outputs.size());
            for (int i = 0; i < outputs.size(); i++) {
                attach(call, i, outputs.get(i));
            }
        }
        Reference.reachabilityFence(inputs);
    }

    private static void attach(Node.Call call, int index, Tensor output) {
        call.outputs[index] = Node.output(call);
        output.attach(call.outputs[index]);
    }

    /// True if an operation on these inputs would be recorded: what a fused operation keeps for its backward pass is
    /// only needed then.
    public static boolean isRecorded(Tensor... inputs) {
        if (PAUSED.get() > 0) {
            return false;
        }
        for (Tensor input : inputs) {
            if (input.isDifferentiable()) {
                return true;
            }
        }
        return false;
    }

    /// Runs `work` without recording: for inference.
    public static <T> T inference(Supplier<T> work) {
        PAUSED.set(PAUSED.get() + 1);
        try {
            return work.get();
        } finally {
            PAUSED.set(PAUSED.get() - 1);
        }
    }

    /// Runs `work` with recording even where it is paused: a backward pass that computes a part of the forward pass again
    /// needs its tape.
    public static <T> T recording(Supplier<T> work) {
        int paused = PAUSED.get();
        PAUSED.set(0);
        try {
            return work.get();
        } finally {
            PAUSED.set(paused);
        }
    }

    private static @Nullable Node[] nodes(Tensor[] inputs) {
        @Nullable Node[] nodes = new Node[inputs.length];
        for (int i = 0; i < inputs.length; i++) {
            nodes[i] = inputs[i].node();
        }
        return nodes;
    }

    /// The gradients of a scalar.
    ///
    /// @throws ShapeException if `loss` has more than one element
    public static Gradients gradients(Tensor loss) {
        if (loss.elements() != 1) {
            throw new ShapeException("gradients: " + loss + " is not a scalar; give a cotangent of its shape");
        }
        return gradients(List.of(loss), List.of(Tensor.full(loss.dtype(), loss.shape(), 1)));
    }

    /// The gradients of `Σ output · cotangent`.
    public static Gradients gradients(Tensor output, Tensor cotangent) {
        return gradients(List.of(output), List.of(cotangent));
    }

    /// The gradients of the sum over all outputs of `Σ output · cotangent`.
    public static Gradients gradients(List<Tensor> outputs, List<Tensor> cotangents) {
        return gradients(outputs, cotangents, List.of());
    }

    /// As [#gradients(List, List)], but going back no further than to the tensors `at`, which count as leaves whatever
    /// they were made from.
    public static Gradients gradients(List<Tensor> outputs, List<Tensor> cotangents, List<Tensor> at) {
        Sweep sweep = new Sweep();
        at.forEach(sweep::stopAt);
        for (int i = 0; i < outputs.size(); i++) {
            Tensor output = outputs.get(i);
            Tensor cotangent = cotangents.get(i);
            if (!output.shape().equals(cotangent.shape()) || output.dtype() != cotangent.dtype()) {
                throw new ShapeException("gradients: cotangent " + cotangent + " does not fit output " + output);
            }
            Node node = output.node();
            if (node != null) {
                sweep.add(node, cotangent);
            }
        }
        return inference(sweep::run);
    }

    /// One backward pass. The memory of a gradient goes back to the pool as soon as it has been passed on: the next
    /// operation then finds it still in the cache.
    private static final class Sweep {
        private final long mark = Memory.Buffer.mark();
        private final Map<Node, Tensor> gradients = new IdentityHashMap<>();
        private final Map<Memory.Buffer, Integer> uses = new IdentityHashMap<>();
        private final Set<Node> summed = new HashSet<>();
        private final List<Tensor> spent = new ArrayList<>();
        private final Set<Node> ends = Collections.newSetFromMap(new IdentityHashMap<>());

        void stopAt(Tensor tensor) {
            Node node = tensor.node();
            if (node != null) {
                ends.add(node);
            }
        }

        private Node.@Nullable Call call(Node node) {
            return ends.contains(node) ? null : node.call;
        }

        void add(Node node, Tensor gradient) {
            Tensor before = gradients.get(node);
            if (before == null) {
                put(node, gradient);
                return;
            }
            Kernels kernels = before.dtype().kernels();
            if (summed.add(node)) {
                // The first gradient may be shared with another node, so the sum needs memory of its own.
                Tensor sum = Tensor.uninitialised(before.dtype(), before.shape());
                kernels.binary(Kernels.Binary.ADD, before.address(), gradient.address(), sum.address(), sum.elements());
                remove(node);
                put(node, sum);
                spent.add(before);
            } else {
                kernels.accumulate(gradient.address(), 1, before.address(), before.elements());
            }
            spent.add(gradient);
        }

        private void put(Node node, Tensor gradient) {
            gradients.put(node, gradient);
            uses.merge(gradient.buffer(), 1, Integer::sum);
        }

        private @Nullable Tensor remove(Node node) {
            Tensor gradient = gradients.remove(node);
            if (gradient != null) {
                uses.computeIfPresent(gradient.buffer(), (buffer, count) -> count == 1 ? null : count - 1);
            }
            return gradient;
        }

        // Only what this pass made itself: a backward function may also return a tensor that others hold.
        private void discardSpent() {
            for (Tensor gradient : spent) {
                if (gradient.buffer().isYoungerThan(mark) && !uses.containsKey(gradient.buffer())) {
                    gradient.buffer().close();
                }
            }
            spent.clear();
        }

        Gradients run() {
            PriorityQueue<Node.Call> queue = new PriorityQueue<>((a, b) -> Long.compare(last(b), last(a)));
            Set<Node.Call> queued = Collections.newSetFromMap(new IdentityHashMap<>());
            ArrayDeque<Node> fresh = new ArrayDeque<>(gradients.keySet());
            while (!fresh.isEmpty() || !queue.isEmpty()) {
                while (!fresh.isEmpty()) {
                    Node.Call call = call(fresh.pop());
                    if (call != null && queued.add(call)) {
                        queue.add(call);
                    }
                }
                Node.Call call = queue.poll();
                if (call != null) {
                    back(call, fresh);
                }
            }
            gradients.keySet().removeIf(node -> call(node) != null);
            return new Gradients(gradients);
        }

        private static long last(Node.Call call) {
            return call.outputs[call.outputs.length - 1].number;
        }

        private void back(Node.Call call, ArrayDeque<Node> fresh) {
            @Nullable Tensor[] outputGradients = new Tensor[call.outputs.length];
            for (int i = 0; i < outputGradients.length; i++) {
                outputGradients[i] = remove(call.outputs[i]);
            }
            @Nullable Tensor[] inputGradients = call.backward.apply(outputGradients);
            for (int i = 0; i < call.inputs.length; i++) {
                Node input = call.inputs[i];
                Tensor gradient = inputGradients[i];
                if (input != null && gradient != null) {
                    add(input, gradient);
                    fresh.add(input);
                }
            }
            for (Tensor gradient : outputGradients) {
                if (gradient != null) {
                    spent.add(gradient);
                }
            }
            discardSpent();
        }
    }
}
