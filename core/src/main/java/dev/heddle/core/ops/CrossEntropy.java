package dev.heddle.core.ops;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// The loss of language models: −log of the probability that the softmax of the logits gives to the target, in nats.
public final class CrossEntropy {
    /// The target value that takes no part in the loss, as in PyTorch.
    public static final int IGNORE = -100;

    private CrossEntropy() {}

    /// The mean over all targets, shape `[]`.
    public static Tensor mean(Tensor logits, Tensor targets) {
        return mean(logits, targets, IGNORE, 0);
    }

    /// The mean over the targets other than `ignore`: `(1 − smoothing)·nll + smoothing·mean over classes of −log p`.
    ///
    /// @param logits `[…, V]`
    /// @param targets `[…]`, I32
    /// @throws InputException if a target is outside `0..V−1` or all are ignored
    public static Tensor mean(Tensor logits, Tensor targets, int ignore, double smoothing) {
        Rows rows = rows(logits, targets, ignore, smoothing);
        int counted = rows.counted;
        Kernels kernels = logits.dtype().kernels();
        double total = kernels.sum(rows.loss.address(), rows.loss.elements());
        Tensor y = Tensor.scalar(logits.dtype(), total / counted);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dLogits = Tensor.uninitialised(logits.dtype(), logits.shape());
                    kernels.crossEntropyBackward(
                            logits.address(),
                            targets.address(),
                            rows.lse.address(),
                            ignore,
                            smoothing,
                            dy.item() / counted,
                            dLogits.address(),
                            logits.shape().rows(),
                            logits.shape().cols());
                    return new @Nullable Tensor[] {dLogits, null};
                },
                logits,
                targets);
    }

    /// The loss of every target by itself, `[…]`; not differentiable.
    public static Tensor perToken(Tensor logits, Tensor targets, int ignore) {
        return rows(logits, targets, ignore, 0).loss;
    }

    private static Rows rows(Tensor logits, Tensor targets, int ignore, double smoothing) {
        int classes = logits.shape().cols();
        if (targets.dtype() != DType.I32 || targets.elements() != logits.shape().rows()) {
            throw new ShapeException(
                    "cross-entropy: targets "
                            + targets
                            + " do not fit logits "
                            + logits.shape()
                            + "; one I32 each row");
        }
        int counted = 0;
        for (int target : targets.toInts()) {
            if (target != ignore && (target < 0 || target >= classes)) {
                throw new InputException(
                        "target: "
                                + target
                                + " is outside the vocabulary; use 0.."
                                + (classes - 1)
                                + " or "
                                + ignore
                                + " to ignore a position");
            }
            counted += target == ignore ? 0 : 1;
        }
        if (counted == 0) {
            throw new InputException("targets: all are ignored, the mean loss would be 0/0; give at least one target");
        }
        Tensor loss = Tensor.uninitialised(logits.dtype(), targets.shape());
        Tensor lse = Tensor.uninitialised(logits.dtype(), targets.shape());
        logits.dtype()
                .kernels()
                .crossEntropy(
                        logits.address(),
                        targets.address(),
                        ignore,
                        smoothing,
                        loss.address(),
                        lse.address(),
                        logits.shape().rows(),
                        classes);
        return new Rows(loss, lse, counted);
    }

    private record Rows(Tensor loss, Tensor lse, int counted) {}
}
