package dev.heddle.lab.training;

import com.sun.management.OperatingSystemMXBean;

import dev.heddle.core.error.ConfigException;

import java.lang.management.ManagementFactory;
import java.util.Locale;

/// The sizes of a model to train, as far as every layout has them.
///
/// @param width of the model
/// @param depth blocks
/// @param heads query heads
public record ModelSizes(int width, int depth, int heads) {
    // Attention and feed-forward layer of any layout have at least so many numbers a block, in squares of the width.
    private static final double SQUARES = 8;
    // A parameter with its gradient and AdamW's two moments, in floats.
    private static final double PARAMETER_BYTES = 16;
    // What a block keeps of each token for the backward pass: input, normalised input, mixed and hidden rows.
    private static final double TOKEN_BYTES = 16;

    /// @throws ConfigException if one is less than 1
    public ModelSizes {
        TrainingSettings.atLeast(1, "width", width);
        TrainingSettings.atLeast(1, "depth", depth);
        TrainingSettings.atLeast(1, "heads", heads);
    }

    /// Refuses what this machine can never hold, before anything is made: memory outside the heap has no other limit,
    /// and a system that runs out of it ends whatever process it likes.
    ///
    /// @throws ConfigException if training would need more memory than the machine has
    public void requireMemory(TrainingSettings settings) {
        require(settings, physicalMemory());
    }

    void require(TrainingSettings settings, double available) {
        double parameters = SQUARES * PARAMETER_BYTES * width * width * depth;
        double tokens = TOKEN_BYTES * settings.batch() * settings.context() * width * depth;
        if (parameters + tokens > available) {
            throw new ConfigException(
                    String.format(
                            Locale.ROOT,
                            "memory: width %d, depth %d, batch %d and context %d take at least %.3g GiB to train, this"
                                    + " machine has %.3g; use smaller ones",
                            width,
                            depth,
                            settings.batch(),
                            settings.context(),
                            (parameters + tokens) / (1 << 30),
                            available / (1 << 30)));
        }
    }

    private static double physicalMemory() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : Double.POSITIVE_INFINITY;
    }
}
