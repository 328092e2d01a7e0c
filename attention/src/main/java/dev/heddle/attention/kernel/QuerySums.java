package dev.heddle.attention.kernel;

import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.Stream;

/// Gradients of queries, summed for each chunk of keys on its own, so that each sum has one owner, and added in the order
/// of the chunks at the end.
final class QuerySums {
    private final Pass pass;
    private final KeyChunks chunks;
    private final int width;
    private final Tensor sums;

    /// The query tiles that have a sum, at `(chunk · batch + b) · heads + head`.
    private final BitSet[] known;

    /// @param width floats of a row, whole vectors
    QuerySums(Pass pass, KeyChunks chunks, int width) {
        this.pass = pass;
        this.chunks = chunks;
        this.width = width;
        int heads = pass.shape.batch() * pass.shape.heads();
        sums = Tensor.uninitialised(DType.F32, chunks.count, heads, pass.queries, width);
        known = Stream.generate(BitSet::new).limit((long) chunks.count * heads).toArray(BitSet[]::new);
    }

    private int head(int chunk, int b, int h) {
        return (chunk * pass.shape.batch() + b) * pass.shape.heads() + h;
    }

    /// The address of a place's sum.
    private long row(int chunk, int b, int h, int place) {
        return sums.address() + (long) Float.BYTES * width * ((long) head(chunk, b, h) * pass.queries + place);
    }

    /// Takes up the sums of `count` places from `i0` on, a tile of queries; 0 where the chunk has none yet.
    void read(int chunk, int b, int h, int i0, int count, float[] to) {
        BitSet tiles = known[head(chunk, b, h)];
        int tile = i0 / chunks.tileRows;
        if (tiles.get(tile)) {
            RowMath.read(row(chunk, b, h, i0), to, count * width);
        } else {
            tiles.set(tile);
            Arrays.fill(to, 0, BackwardTile.ROWS * width, 0);
        }
    }

    void write(int chunk, int b, int h, int i0, int count, float[] from) {
        RowMath.write(from, row(chunk, b, h, i0), count * width);
    }

    /// The sum over all chunks for one place.
    void total(int b, int h, int place, float[] to) {
        Arrays.fill(to, 0);
        for (int chunk = 0; chunk < chunks.count; chunk++) {
            if (known[head(chunk, b, h)].get(place / chunks.tileRows)) {
                RowMath.addTo(to, row(chunk, b, h, place));
            }
        }
    }
}
