package dev.heddle.lab.training;

import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.random.RandomGenerator;

/// Cuts windows of `context` tokens, each with the same window one token later as its targets.
///
/// @param tokens the text
/// @param context tokens of a window, less than there are
record Windows(int[] tokens, int context) {
    /// @param inputs `[B, N]`, I32
    /// @param targets `[B, N]`, I32: the next token of each
    record Batch(Tensor inputs, Tensor targets) {}

    /// Windows at uniformly random places, which follow from the seed alone.
    Batch random(int count, Seed seed) {
        RandomGenerator generator = seed.generator();
        int[] starts = new int[count];
        for (int i = 0; i < count; i++) {
            starts[i] = generator.nextInt(tokens.length - context);
        }
        return at(starts);
    }

    /// Whole windows that fit side by side.
    int sideBySide() {
        return (tokens.length - 1) / context;
    }

    Batch at(int[] starts) {
        int[] inputs = new int[starts.length * context];
        int[] targets = new int[starts.length * context];
        for (int i = 0; i < starts.length; i++) {
            System.arraycopy(tokens, starts[i], inputs, i * context, context);
            System.arraycopy(tokens, starts[i] + 1, targets, i * context, context);
        }
        return new Batch(Tensor.of(inputs, starts.length, context), Tensor.of(targets, starts.length, context));
    }
}
