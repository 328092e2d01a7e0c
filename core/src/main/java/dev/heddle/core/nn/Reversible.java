package dev.heddle.core.nn;

import static java.util.Objects.requireNonNull;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/// Residual blocks on two streams that can be undone: `y1 = x1 + f(x2)`, `y2 = x2 + g(y1)`.
///
/// [#run] keeps the streams at the end of a stack only. The backward pass undoes block after block, `x2 = y2 − g(y1)`,
/// `x1 = y1 − f(x2)`, and computes f and g again on the way, so training holds two activations whatever the depth and takes
/// about one and a half times as long. What f and g decide about their data and what dropout drops is repeated, see
/// [Recomputation].
///
/// Source: Gomez et al. 2017, arXiv 1707.04585; in Transformers, arXiv 2001.04451 §3.
public final class Reversible {
    private Reversible() {}

    /// A sublayer that keeps the shape of its input.
    ///
    /// @param module holds every parameter that the function depends on
    /// @param function of one tensor and of those parameters only
    public record Branch(Module module, UnaryOperator<Tensor> function) {
        private List<Tensor> variables() {
            return module.parameters().values().stream()
                    .map(Parameter::value)
                    .filter(Tensor::isDifferentiable)
                    .toList();
        }
    }

    /// One block: f reads the second stream and adds to the first, then g the other way round.
    public record Block(Branch f, Branch g) {}

    /// The two streams.
    ///
    /// @param first of any shape
    /// @param second of the same shape
    public record Streams(Tensor first, Tensor second) {}

    /// Runs the blocks, recording as usual: memory grows with their number. What [#run] is compared with.
    public static Streams runPlain(List<Block> blocks, Streams x) {
        Tensor first = x.first;
        Tensor second = x.second;
        for (Block block : blocks) {
            first = Arithmetic.add(first, block.f.function.apply(second));
            second = Arithmetic.add(second, block.g.function.apply(first));
        }
        return new Streams(first, second);
    }

    /// Runs the blocks, keeping nothing of them for the backward pass but their decisions.
    ///
    /// @throws ShapeException if the streams differ in shape or type
    public static Streams run(List<Block> blocks, Streams x) {
        requireEqual(x.first, x.second);
        Streams y = new Streams(x.first.copy(), x.second.copy());
        List<Step> steps = new ArrayList<>();
        for (Block block : blocks) {
            steps.add(new Step(block.f, true, new Recomputation()).forward(y));
            steps.add(new Step(block.g, false, new Recomputation()).forward(y));
        }
        List<Tensor> parameters = parameters(blocks);
        List<Tensor> inputs = new ArrayList<>(List.of(x.first, x.second));
        inputs.addAll(parameters);
        Streams saved = new Streams(y.first.detach(), y.second.detach());
        Autograd.record(
                List.of(y.first, y.second),
                gradients -> new Undoing(saved, gradients, parameters).run(steps),
                inputs.toArray(Tensor[]::new));
        return y;
    }

    /// The streams that went into the blocks, from those that came out; nothing is recorded.
    public static Streams invert(List<Block> blocks, Streams y) {
        requireEqual(y.first, y.second);
        Tensor first = y.first.copy();
        Tensor second = y.second.copy();
        Streams x = new Streams(first, second);
        for (Block block : blocks.reversed()) {
            new Step(block.g, false, new Recomputation()).undo(x);
            new Step(block.f, true, new Recomputation()).undo(x);
        }
        return x;
    }

    private static void requireEqual(Tensor first, Tensor second) {
        if (!first.shape().equals(second.shape()) || first.dtype() != second.dtype()) {
            throw new ShapeException(
                    "reversible: streams " + first + " and " + second + " differ; one shape and type is needed");
        }
    }

    // A parameter that several blocks share is listed once.
    private static List<Tensor> parameters(List<Block> blocks) {
        Set<Tensor> all = Collections.newSetFromMap(new IdentityHashMap<>());
        List<Tensor> inOrder = new ArrayList<>();
        for (Block block : blocks) {
            for (Branch branch : List.of(block.f, block.g)) {
                branch.variables().stream().filter(all::add).forEach(inOrder::add);
            }
        }
        return inOrder;
    }

    /// One branch of a stack: `target += function(source)`, in place.
    private record Step(Branch branch, boolean intoFirst, Recomputation work) {
        Tensor target(Streams streams) {
            return intoFirst ? streams.first : streams.second;
        }

        Tensor source(Streams streams) {
            return intoFirst ? streams.second : streams.first;
        }

        Step forward(Streams streams) {
            change(streams, 1);
            return this;
        }

        void undo(Streams streams) {
            change(streams, -1);
        }

        private void change(Streams streams, double sign) {
            try (Scope _ = Scope.open()) {
                Tensor source = source(streams).detach();
                Tensor change = Autograd.inference(() -> work.first(() -> branch.function.apply(source)));
                accumulate(change, sign, target(streams));
            }
        }
    }

    private static void accumulate(Tensor change, double sign, Tensor sum) {
        requireEqual(sum, change);
        sum.dtype().kernels().accumulate(change.address(), sign, sum.address(), sum.elements());
    }

    /// One backward pass, which turns the streams and their gradients back from the end to the beginning, in place.
    private static final class Undoing {
        private final Streams streams;
        private final Streams slopes;
        private final List<Tensor> parameters;
        private final Map<Tensor, Tensor> parameterSlopes = new IdentityHashMap<>();

        Undoing(Streams y, @Nullable Tensor[] gradients, List<Tensor> parameters) {
            this.streams = new Streams(y.first.copy(), y.second.copy());
            this.slopes = new Streams(copy(gradients[0], y.first), copy(gradients[1], y.second));
            this.parameters = parameters;
            parameters.forEach(p -> parameterSlopes.put(p, Tensor.zeros(p.dtype(), p.shape())));
        }

        private static Tensor copy(@Nullable Tensor gradient, Tensor like) {
            return gradient == null ? Tensor.zeros(like.dtype(), like.shape()) : gradient.copy();
        }

        @Nullable Tensor[] run(List<Step> steps) {
            steps.reversed().forEach(this::back);
            List<Tensor> gradients = new ArrayList<>(List.of(slopes.first, slopes.second));
            parameters.forEach(p -> gradients.add(requireNonNull(parameterSlopes.get(p))));
            return gradients.toArray(Tensor[]::new);
        }

        private void back(Step step) {
            try (Scope _ = Scope.open()) {
                Tensor source = Autograd.variable(step.source(streams));
                Tensor change = Autograd.recording(() -> step.work.again(() -> step.branch.function.apply(source)));
                List<Tensor> own = new ArrayList<>(List.of(source));
                own.addAll(step.branch.variables());
                Gradients gradients = Autograd.gradients(List.of(change), List.of(step.target(slopes)), own);
                accumulate(gradients.of(source), 1, step.source(slopes));
                for (Tensor parameter : own.subList(1, own.size())) {
                    accumulate(gradients.of(parameter), 1, requireNonNull(parameterSlopes.get(parameter)));
                }
                accumulate(change, -1, step.target(streams));
            }
        }
    }
}
