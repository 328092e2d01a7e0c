package dev.heddle.attention.clustered;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;

/// Finds the largest numbers of a row: a heap of the best so far, the worst of them on top, so that most numbers cost one
/// comparison. Of equal numbers the first are taken.
final class LargestScores {
    private final double[] scores;
    private final int[] keys;
    private int size;

    /// @param most how many are wanted
    LargestScores(int most) {
        scores = new double[most];
        keys = new int[most];
    }

    /// The indices of the largest of `count` numbers from element `start` on, ascending; all of them if they are fewer
    /// than wanted.
    int[] select(Tensor row, long start, int count) {
        long address = row.address();
        boolean wide = row.dtype() == DType.F64;
        size = 0;
        for (int j = 0; j < count; j++) {
            long at = start + j;
            double score =
                    wide ? Native.getDouble(address + Double.BYTES * at) : Native.getFloat(address + Float.BYTES * at);
            if (size < keys.length) {
                rise(score, j);
            } else if (score > scores[0]) {
                sink(score, j);
            }
        }
        int[] chosen = Arrays.copyOf(keys, size);
        Arrays.sort(chosen);
        return chosen;
    }

    private void rise(double score, int key) {
        int at = size++;
        while (at > 0 && isWorse(score, key, (at - 1) / 2)) {
            move((at - 1) / 2, at);
            at = (at - 1) / 2;
        }
        put(score, key, at);
    }

    // In place of the one on top.
    private void sink(double score, int key) {
        int at = 0;
        int child = worseChild(0);
        while (child < size && !isWorse(score, key, child)) {
            move(child, at);
            at = child;
            child = worseChild(at);
        }
        put(score, key, at);
    }

    private int worseChild(int at) {
        int left = 2 * at + 1;
        return left + 1 < size && isWorse(scores[left + 1], keys[left + 1], left) ? left + 1 : left;
    }

    private boolean isWorse(double score, int key, int than) {
        return score < scores[than] || (score == scores[than] && key > keys[than]);
    }

    private void move(int source, int target) {
        put(scores[source], keys[source], target);
    }

    private void put(double score, int key, int at) {
        scores[at] = score;
        keys[at] = key;
    }
}
