package dev.heddle.lab.training;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.optim.LearningRate;

/// How a model is trained.
///
/// @param context tokens of a window
/// @param batch windows of a step
/// @param steps updates in all
/// @param learningRate highest rate
/// @param minimumRate rate at the end
/// @param warmup steps of linear warm-up
/// @param weightDecay on tensors with two or more axes, per unit of rate
/// @param clip limit of the gradient's global norm
/// @param evaluateEvery steps between evaluations; there is one before the first step and one after the last too
/// @param evaluationWindows validation windows of an evaluation on the way, evenly spread; 0 for all. The last
///     evaluation takes all.
/// @param checkpointEvery steps between checkpoints; there is one after the last step too
/// @param seed of batches and dropout
public record TrainingSettings(
        int context,
        int batch,
        int steps,
        double learningRate,
        double minimumRate,
        int warmup,
        double weightDecay,
        double clip,
        int evaluateEvery,
        int evaluationWindows,
        int checkpointEvery,
        long seed) {
    /// @throws ConfigException if a value is out of range
    public TrainingSettings {
        atLeast(1, "context", context);
        atLeast(1, "batch", batch);
        atLeast(1, "steps", steps);
        atLeast(0, "warmup", warmup);
        atLeast(1, "eval-every", evaluateEvery);
        atLeast(0, "eval-windows", evaluationWindows);
        atLeast(1, "checkpoint-every", checkpointEvery);
        if (!(clip > 0)) {
            throw new ConfigException("clip: found " + clip + "; use a number above 0");
        }
        if (!(weightDecay >= 0)) {
            throw new ConfigException("weight-decay: found " + weightDecay + "; use 0 or more");
        }
        LearningRate.warmupCosine(learningRate, minimumRate, warmup, steps);
    }

    static void atLeast(int least, String name, int value) {
        if (value < least) {
            throw new ConfigException(name + ": found " + value + "; use " + least + " or more");
        }
    }

    LearningRate schedule() {
        return LearningRate.warmupCosine(learningRate, minimumRate, warmup, steps);
    }
}
