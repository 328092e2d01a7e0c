package dev.heddle.models.checkpoint;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.file.Safetensors;

import java.util.List;

/// Holds the sizes that a checkpoint's recipe claims against the tensors that the file really has, before a model of
/// those sizes is built: a few bytes of text must not make the machine run out of memory.
final class RecipeSizes {
    private static final List<String> SIZES =
            List.of("vocab_size", "dim", "depth", "ffn_dim", "max_seq_len", "heads", "kv_heads");

    /// Positions are no tensor in every model, so they have a bound of their own.
    private static final long POSITIONS = 1L << 24;

    private RecipeSizes() {}

    /// @throws ConfigException if a size is larger than the file's tensors allow
    static void check(Config config, Safetensors file, String prefix) {
        long stored =
                file.entries().values().stream()
                        .filter(tensor -> tensor.name().startsWith(prefix))
                        .mapToLong(tensor -> tensor.elements())
                        .sum();
        for (String size : SIZES) {
            if (config.has(size)) {
                long bound = size.equals("max_seq_len") ? Math.max(stored, POSITIONS) : stored;
                atMost(size, config.integer(size), bound);
            }
        }
        long width = config.integer("dim", 1);
        long depth = config.integer("depth", 1);
        atMost("vocab_size · dim", width * config.integer("vocab_size", 1), stored);
        atMost("dim · dim · depth", multiply(width * width, depth), stored);
        atMost("dim · ffn_dim · depth", multiply(width * config.integer("ffn_dim", 1), depth), stored);
    }

    private static long multiply(long a, long b) {
        return Math.multiplyHigh(a, b) == 0 ? a * b : Long.MAX_VALUE;
    }

    private static void atMost(String what, long claimed, long stored) {
        if (claimed < 1 || claimed > stored) {
            throw new ConfigException(
                    what + ": " + claimed + " in the recipe does not fit the file, which holds " + stored + " weights");
        }
    }
}
