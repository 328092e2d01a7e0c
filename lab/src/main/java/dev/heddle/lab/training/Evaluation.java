package dev.heddle.lab.training;

import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/// The mean loss of a model over a text in non-overlapping windows, in nats a token.
///
/// The last tokens, too few for a window, are left out.
public final class Evaluation {
    private final Windows windows;
    private final int batch;

    /// @param tokens more than `context` of them
    /// @param batch windows computed at once
    public Evaluation(int[] tokens, int context, int batch) {
        this.windows = new Windows(tokens, context);
        this.batch = batch;
    }

    /// Over all windows.
    ///
    /// @param forward tokens `[B, N]` → logits `[B, N, V]`
    public double loss(UnaryOperator<Tensor> forward) {
        return loss(forward, windows.sideBySide());
    }

    /// Over `count` windows spread evenly over the text, or all if there are no more.
    public double loss(UnaryOperator<Tensor> forward, int count) {
        int all = windows.sideBySide();
        int used = Math.min(all, count);
        int[] starts =
                IntStream.range(0, used).map(i -> Math.toIntExact((long) i * all / used * windows.context())).toArray();
        double total = 0;
        for (int from = 0; from < used; from += batch) {
            int to = Math.min(used, from + batch);
            total += (to - from) * mean(forward, Arrays.copyOfRange(starts, from, to));
        }
        return total / used;
    }

    private double mean(UnaryOperator<Tensor> forward, int[] starts) {
        try (Scope _ = Scope.open()) {
            Windows.Batch windowsOfBatch = windows.at(starts);
            return Autograd.inference(
                            () -> CrossEntropy.mean(forward.apply(windowsOfBatch.inputs()), windowsOfBatch.targets()))
                    .item();
        }
    }
}
