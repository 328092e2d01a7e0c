package dev.heddle.attention.global;

import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Positions;

import java.util.Arrays;
import java.util.stream.IntStream;

/// Where the gathered global tokens of a batch come from: as many places in every sequence, each with the position of its
/// token, or −1 where a sequence leaves it empty.
///
/// @param positions of each sequence, `[B][g]`
record GlobalPlaces(int[][] positions) {
    /// Places in a sequence, g.
    int count() {
        return positions[0].length;
    }

    /// These and then more, of later tokens.
    GlobalPlaces and(GlobalPlaces later) {
        return new GlobalPlaces(
                IntStream.range(0, positions.length)
                        .mapToObj(b -> IntStream.concat(Arrays.stream(positions[b]), Arrays.stream(later.positions[b])))
                        .map(IntStream::toArray)
                        .toArray(int[][]::new));
    }

    /// Their positions, sequence after sequence; that of an empty place means nothing.
    Positions inOrder() {
        return Positions.of(
                Arrays.stream(positions).flatMapToInt(Arrays::stream).map(position -> Math.max(0, position)).toArray());
    }

    /// Which places hold a token: `[B, 1, 1, g]`.
    Tensor taken() {
        boolean[] taken = new boolean[positions.length * count()];
        for (int i = 0; i < taken.length; i++) {
            taken[i] = positions[i / count()][i % count()] >= 0;
        }
        return Tensor.of(taken, positions.length, 1, 1, count());
    }

    /// Which places hold a token that queries from position `first` on may see as one before them or their own:
    /// `[B, 1, queries, g]`.
    Tensor seenBy(int first, int queries) {
        boolean[] seen = new boolean[positions.length * queries * count()];
        for (int i = 0; i < seen.length; i++) {
            int row = i / count();
            int position = positions[row / queries][i % count()];
            seen[i] = position >= 0 && position <= first + row % queries;
        }
        return Tensor.of(seen, positions.length, 1, queries, count());
    }

    /// Which of the first `tokens` tokens the places may see as their own or one before it: `[B, 1, g, tokens]`.
    Tensor tokensSeen(int tokens) {
        boolean[] seen = new boolean[positions.length * count() * tokens];
        for (int b = 0; b < positions.length; b++) {
            for (int place = 0; place < count(); place++) {
                int row = (b * count() + place) * tokens;
                Arrays.fill(seen, row, row + positions[b][place] + 1, true);
            }
        }
        return Tensor.of(seen, positions.length, 1, count(), tokens);
    }
}
