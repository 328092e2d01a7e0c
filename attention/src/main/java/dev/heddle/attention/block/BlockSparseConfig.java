package dev.heddle.attention.block;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.error.ConfigException;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// The settings of one layout of blocks, under DeepSpeed's names.
final class BlockSparseConfig {
    private static final String LAYOUTS = "dense, fixed, variable, bigbird, bslongformer, sliding or user";

    private BlockSparseConfig() {}

    static Schema.Builder schema() {
        return Schema.builder()
                .optional("layout", "fixed", LAYOUTS)
                .optional("num_heads", null, "heads")
                .optional("block", 16, "tokens in a block")
                .optional("seq_len", null, "tokens, a multiple of block; needed for layouts without attention")
                .optional(
                        "attention",
                        null,
                        "unidirectional or bidirectional, in blocks; sliding: the former, else the latter")
                .optional("different_layout_per_head", false, "heads have layouts of their own")
                .optional("num_local_blocks", 4, "fixed: blocks of a window")
                .optional("num_global_blocks", 1, "fixed: global blocks of a window; bigbird: first blocks, global")
                .optional(
                        "num_different_global_patterns",
                        1,
                        "fixed: places of the global blocks that heads take in turn")
                .optional("horizontal_global_attention", false, "fixed, variable: global blocks see all blocks")
                .optional("local_window_blocks", List.of(4), "variable: blocks of the windows, the last repeated")
                .optional(
                        "global_block_indices",
                        List.of(0),
                        "variable, bslongformer: global blocks, or where ranges start")
                .optional("global_block_end_indices", null, "variable, bslongformer: where ranges of global blocks end")
                .optional("num_random_blocks", null, "random columns of a row; variable: 0, bigbird: 1 by default")
                .optional(
                        "num_sliding_window_blocks",
                        3,
                        "bigbird, bslongformer, sliding: width of the window in blocks");
    }

    /// The rule of a complete configuration; null for a layout that the user gives.
    ///
    /// @throws ConfigException if a setting is out of range, or does not go with another
    static @Nullable BlockRule rule(Config config) {
        String layout = config.text("layout");
        boolean back =
                isUnidirectional(config.text("attention", isSliding(layout) ? "unidirectional" : "bidirectional"));
        boolean horizontal = config.flag("horizontal_global_attention");
        int window = config.integer("num_sliding_window_blocks");
        int patterns = config.integer("num_different_global_patterns");
        if (patterns > 1 && !config.flag("different_layout_per_head")) {
            throw new ConfigException(
                    "num_different_global_patterns: "
                            + patterns
                            + " for heads that share a layout; use 1, or different_layout_per_head true");
        }
        return switch (layout) {
            case "dense" -> new BlockRule.Dense();
            case "fixed" ->
                    new BlockRule.Fixed(
                            config.integer("num_local_blocks"),
                            config.integer("num_global_blocks"),
                            patterns,
                            horizontal,
                            back);
            case "variable" ->
                    new BlockRule.Variable(
                            integers(config, "local_window_blocks"),
                            globals(config),
                            config.integer("num_random_blocks", 0),
                            horizontal,
                            back);
            case "bigbird" ->
                    new BlockRule.BigBird(
                            config.integer("num_random_blocks", 1), window, config.integer("num_global_blocks"), back);
            case "bslongformer" -> new BlockRule.Longformer(window, globals(config), back);
            case "sliding", "local_sliding_window" -> new BlockRule.Sliding(window, back);
            case "user" -> null;
            default -> throw new ConfigException("layout: '" + layout + "' is not known; use " + LAYOUTS);
        };
    }

    /// Blocks of sequences of the length `seq_len`.
    ///
    /// @throws ConfigException if they are not a whole number of blocks
    static int blocks(Config config) {
        int block = config.integer("block");
        int length = config.integer("seq_len");
        if (block < 1 || length < 1 || length % block != 0) {
            throw new ConfigException("seq_len: " + length + " is no multiple of block " + block + "; pad it to one");
        }
        return length / block;
    }

    private static boolean isSliding(String layout) {
        return layout.equals("sliding") || layout.equals("local_sliding_window");
    }

    private static boolean isUnidirectional(String attention) {
        return switch (attention) {
            case "unidirectional" -> true;
            case "bidirectional" -> false;
            default ->
                    throw new ConfigException(
                            "attention: '" + attention + "' is not known; use unidirectional or bidirectional");
        };
    }

    private static List<BlockRange> globals(Config config) {
        List<Integer> starts = integers(config, "global_block_indices");
        if (!config.has("global_block_end_indices")) {
            return starts.stream().map(start -> new BlockRange(start, start + 1)).toList();
        }
        List<Integer> ends = integers(config, "global_block_end_indices");
        if (ends.size() != starts.size()) {
            throw new ConfigException(
                    "global_block_end_indices: "
                            + ends.size()
                            + " for "
                            + starts.size()
                            + " global_block_indices; use as many");
        }
        List<BlockRange> ranges = new ArrayList<>();
        for (int i = 0; i < starts.size(); i++) {
            ranges.add(new BlockRange(starts.get(i), ends.get(i)));
        }
        return ranges;
    }

    /// A list of whole numbers.
    ///
    /// @throws ConfigException if it is another
    static List<Integer> integers(Config config, String key) {
        List<Integer> integers = new ArrayList<>();
        for (Object value : config.list(key)) {
            if (!(value instanceof Integer integer)) {
                throw new ConfigException(key + ": " + value + " is no whole number; use a list of block numbers");
            }
            integers.add(integer);
        }
        return integers;
    }
}
