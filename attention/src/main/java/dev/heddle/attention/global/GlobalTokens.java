package dev.heddle.attention.global;

import dev.heddle.attention.MixerInputs;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.stream.IntStream;

/// The global tokens of a batch, gathered to as many places `g` in every sequence as the one with the most has; sequences
/// with fewer leave places empty, which hold a copy of the sequence's first token and must be masked.
final class GlobalTokens {
    // Of each sequence, ascending.
    private final int[][] positions;
    private final int length;
    private final @Nullable Tensor valid;

    private GlobalTokens(int[][] positions, int length, @Nullable Tensor valid) {
        this.positions = positions;
        this.length = length;
        this.valid = valid;
    }

    /// Those that are marked and real.
    ///
    /// @param marked `[B, N]` BOOL or null
    /// @param valid `[B, N]` BOOL or null
    static GlobalTokens of(int batch, int length, @Nullable Tensor marked, @Nullable Tensor valid) {
        int[][] positions = new int[batch][];
        boolean[] global = marked == null ? new boolean[Math.multiplyExact(batch, length)] : marked.toBooleans();
        boolean[] real = valid == null ? null : valid.toBooleans();
        for (int b = 0; b < batch; b++) {
            int row = b * length;
            positions[b] =
                    IntStream.range(0, length)
                            .filter(i -> global[row + i] && (real == null || real[row + i]))
                            .toArray();
        }
        return new GlobalTokens(positions, length, valid);
    }

    int batch() {
        return positions.length;
    }

    /// Tokens in a sequence, N.
    int length() {
        return length;
    }

    /// Places in a sequence, g.
    int places() {
        return Arrays.stream(positions).mapToInt(own -> own.length).max().orElse(0);
    }

    /// The position of each place, for a call whose first token is at position `first`.
    GlobalPlaces places(int first) {
        int[][] at = new int[batch()][places()];
        for (int b = 0; b < batch(); b++) {
            Arrays.fill(at[b], -1);
            for (int place = 0; place < positions[b].length; place++) {
                at[b][place] = first + positions[b][place];
            }
        }
        return new GlobalPlaces(at);
    }

    /// Those among the `count` tokens from `first` on, as tokens of a call of their own.
    GlobalTokens between(int first, int count) {
        int[][] own =
                Arrays.stream(positions)
                        .map(
                                all ->
                                        Arrays.stream(all)
                                                .filter(position -> position >= first && position - first < count)
                                                .map(position -> position - first)
                                                .toArray())
                        .toArray(int[][]::new);
        return new GlobalTokens(own, count, null);
    }

    /// Whether a token at `position` or later is global in some sequence.
    boolean anyFrom(int position) {
        return Arrays.stream(positions).flatMapToInt(Arrays::stream).anyMatch(global -> global >= position);
    }

    /// Which of the `keys` tokens from `first` on are not global, as a mask of keys `[B, 1, 1, keys]`.
    Tensor othersFrom(int first, int keys) {
        boolean[] others = new boolean[batch() * keys];
        for (int i = 0; i < others.length; i++) {
            others[i] = !isGlobal(i / keys, first + i % keys);
        }
        return Tensor.of(others, batch(), 1, 1, keys);
    }

    /// Their rows: `[B, N, …]` → `[B, g, …]`.
    Tensor rows(Tensor x) {
        int[] index = new int[batch() * places()];
        for (int b = 0; b < batch(); b++) {
            int[] own = positions[b];
            for (int place = 0; place < places(); place++) {
                index[b * places() + place] = b * length + (place < own.length ? own[place] : 0);
            }
        }
        Tensor rows = Gather.rows(flat(x), Tensor.of(index, index.length), "token");
        return Layout.reshape(rows, x.shape().with(1, places()));
    }

    /// `x` with the rows of the global tokens replaced by those of `rows`: `[B, N, …]` and `[B, g, …]` → `[B, N, …]`.
    Tensor replace(Tensor x, Tensor rows) {
        int[] index = IntStream.range(0, batch() * length).toArray();
        for (int b = 0; b < batch(); b++) {
            for (int place = 0; place < positions[b].length; place++) {
                index[b * length + positions[b][place]] = index.length + b * places() + place;
            }
        }
        Tensor both = Layout.concatenate(0, flat(x), flat(rows));
        return Layout.reshape(Gather.rows(both, Tensor.of(index, index.length), "token"), x.shape());
    }

    private static Tensor flat(Tensor x) {
        int rows = Math.multiplyExact(x.dim(0), x.dim(1));
        return Layout.reshape(x, rows, Math.toIntExact(x.shape().product(2, x.rank())));
    }

    /// The real tokens that are not global, as a mask of keys `[B, 1, 1, N]`; null if all are.
    @Nullable Tensor others() {
        if (places() == 0) {
            return valid == null ? null : MixerInputs.ofKeys(valid);
        }
        boolean[] others = real();
        for (int b = 0; b < batch(); b++) {
            for (int position : positions[b]) {
                others[b * length + position] = false;
            }
        }
        return Tensor.of(others, batch(), 1, 1, length);
    }

    /// What all tokens may see of the places: `[B, 1, 1, g]`, or `[B, 1, N, g]` if causal.
    Tensor placesSeen(boolean causal) {
        return causal ? places(0).seenBy(0, length) : places(0).taken();
    }

    /// What the places may see of all tokens: `[B, 1, 1, N]`, `[B, 1, g, N]` if causal, null for everything.
    @Nullable Tensor tokensSeen(boolean causal) {
        if (!causal) {
            return valid == null ? null : MixerInputs.ofKeys(valid);
        }
        boolean[] real = real();
        boolean[] seen = places(0).tokensSeen(length).toBooleans();
        for (int i = 0; i < seen.length; i++) {
            seen[i] &= real[i / length / places() * length + i % length];
        }
        return Tensor.of(seen, batch(), 1, places(), length);
    }

    private boolean[] real() {
        if (valid != null) {
            return valid.toBooleans();
        }
        boolean[] all = new boolean[batch() * length];
        Arrays.fill(all, true);
        return all;
    }

    /// Whether a query of sequence `b` may see a key that its window may or may not hold.
    boolean allows(int b, int query, int key, boolean inWindow, boolean causal) {
        if (!isReal(b, query) || !isReal(b, key) || (causal && key > query)) {
            return false;
        }
        return inWindow || isGlobal(b, query) || isGlobal(b, key);
    }

    private boolean isReal(int b, int position) {
        return valid == null || valid.at((long) b * length + position) != 0;
    }

    private boolean isGlobal(int b, int position) {
        return Arrays.binarySearch(positions[b], position) >= 0;
    }
}
