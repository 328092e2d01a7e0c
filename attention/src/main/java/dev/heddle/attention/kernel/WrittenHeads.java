package dev.heddle.attention.kernel;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/// Which heads of an output the passes so far have written, so that a head is cleared only where it must be: its first
/// pass can simply write if it comes to every token.
final class WrittenHeads {
    private final BitSet written = new BitSet();
    private final Consumer<int[]> clear;

    /// @param clear fills some heads with what stands for nothing
    WrittenHeads(Consumer<int[]> clear) {
        this.clear = clear;
    }

    /// Prepares the heads of a pass.
    ///
    /// @param coversAll whether the pass writes every token of them
    /// @return whether it has to add to what is there
    boolean prepare(int[] heads, boolean coversAll) {
        int[] fresh = missing(Arrays.stream(heads));
        Arrays.stream(heads).forEach(written::set);
        if (coversAll && fresh.length == heads.length) {
            return false;
        }
        clear(fresh);
        return true;
    }

    /// Clears what no pass has written of the first `count` heads.
    void finish(int count) {
        clear(missing(IntStream.range(0, count)));
    }

    private int[] missing(IntStream heads) {
        return heads.filter(head -> !written.get(head)).toArray();
    }

    private void clear(int[] heads) {
        if (heads.length > 0) {
            clear.accept(heads);
        }
    }
}
