package dev.heddle.attention.block;

import dev.heddle.core.error.ConfigException;

/// Blocks `start..stop-1` that are global: all blocks see them.
///
/// @param start the first block
/// @param stop one past the last; those beyond the sequence are cut, and the range with them if it starts there
public record BlockRange(int start, int stop) {
    /// @throws ConfigException if the range is empty or starts before the sequence
    public BlockRange {
        if (start < 0 || stop <= start) {
            throw new ConfigException(
                    "global blocks: range " + start + " to " + stop + " holds none; its end must be beyond its start");
        }
    }
}
