package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import jdk.incubator.vector.FloatVector;

import org.jspecify.annotations.Nullable;

import java.util.Objects;

/// Sums score gradients into the gradient of the bias, each sum with one owner at a time and in a fixed order.
///
/// A Toeplitz bias is summed per batch entry, head and chunk of keys, and those sums are added at the end. A dense bias
/// that batch entries or heads share is written by one task per chunk of keys.
final class BiasGradient {
    private static final int TILE = PackedTiles.TILE;

    private final AttentionCall call;
    private final AttentionShape shape;
    private final Pass pass;
    private final long target;
    private final int chunks;
    private final int diagonals;
    private final @Nullable Tensor sums;

    BiasGradient(Pass pass, long target, int chunks) {
        this.pass = pass;
        this.call = pass.call;
        this.shape = call.shape();
        this.target = target;
        this.chunks = chunks;
        diagonals = shape.queries() + shape.keys() - 1;
        // The last tile's columns beyond the keys hold zeros, which land behind the last diagonal.
        sums =
                target != 0 && call.bias() instanceof ScoreBias.Toeplitz
                        ? Tensor.zeros(DType.F32, chunks, shape.batch() * shape.heads(), diagonals + TILE)
                        : null;
    }

    /// Whether keys must not be cut because all keys of a query share one bias.
    static boolean oneChunk(AttentionCall call, long target) {
        return target != 0 && call.bias() instanceof ScoreBias.Dense bias && bias.key() == 0;
    }

    /// Whether batch entries or heads share a dense bias.
    boolean shared() {
        return target != 0
                && call.bias() instanceof ScoreBias.Dense bias
                && ((bias.batch() == 0 && shape.batch() > 1) || (bias.head() == 0 && shape.heads() > 1));
    }

    /// Sets the whole gradient to zero; every pass then adds to it.
    static void clear(AttentionCall call, long target) {
        AttentionShape shape = call.shape();
        if (target != 0 && call.bias() instanceof ScoreBias.Toeplitz) {
            long diagonals = (long) shape.queries() + shape.keys() - 1;
            Native.zero(target, Float.BYTES * diagonals * shape.heads());
        }
        if (target != 0 && call.bias() instanceof ScoreBias.Dense bias) {
            for (int b = 0; b < (bias.batch() == 0 ? 1 : shape.batch()); b++) {
                for (int h = 0; h < (bias.head() == 0 ? 1 : shape.heads()); h++) {
                    for (int i = 0; i < (bias.query() == 0 ? 1 : shape.queries()); i++) {
                        long keys = bias.key() == 0 ? 1 : shape.keys();
                        Native.zero(target + Float.BYTES * bias.index(b, h, i, 0), Float.BYTES * keys);
                    }
                }
            }
        }
    }

    /// Adds one query's row of score gradients; places of keys that it may not see hold 0.
    ///
    /// @param i place of the query
    /// @param k0 place of the first key
    void add(float[] dt, int at, int b, int h, int i, int k0, int chunk) {
        if (target == 0) {
            return;
        }
        if (!pass.isNatural()) {
            addGathered(dt, at, b, h, pass.query(i), k0, chunk);
            return;
        }
        switch (call.bias()) {
            case ScoreBias.None none -> {}
            case ScoreBias.Toeplitz bias -> {
                long diagonal = TileScores.diagonal(shape, 0, i, k0);
                addRow(dt, at, sumsOf(chunk, b, h) + Float.BYTES * diagonal, TILE);
            }
            case ScoreBias.Dense bias -> {
                long to = target + Float.BYTES * bias.index(b, h, i, k0);
                if (bias.key() == 0) {
                    addAll(dt, at, to);
                } else {
                    addRow(dt, at, to, Math.min(TILE, shape.keys() - k0));
                }
            }
        }
    }

    private void addGathered(float[] dt, int at, int b, int h, int i, int k0, int chunk) {
        int keys = Math.min(TILE, pass.keys - k0);
        switch (call.bias()) {
            case ScoreBias.None none -> {}
            case ScoreBias.Toeplitz bias -> {
                long to = sumsOf(chunk, b, h) + Float.BYTES * TileScores.diagonal(shape, 0, i, 0);
                for (int n = 0; n < keys; n++) {
                    addOne(dt[at + n], to + (long) Float.BYTES * pass.key(k0 + n));
                }
            }
            case ScoreBias.Dense bias -> {
                long to = target + Float.BYTES * bias.index(b, h, i, 0);
                if (bias.key() == 0) {
                    addAll(dt, at, to);
                    return;
                }
                for (int n = 0; n < keys; n++) {
                    addOne(dt[at + n], to + Float.BYTES * bias.key() * pass.key(k0 + n));
                }
            }
        }
    }

    private static void addOne(float value, long to) {
        Native.setFloat(to, Native.getFloat(to) + value);
    }

    private static void addAll(float[] dt, int at, long to) {
        float sum = 0;
        for (int n = at; n < at + TILE; n++) {
            sum += dt[n];
        }
        addOne(sum, to);
    }

    private long sumsOf(int chunk, int b, int h) {
        long row = ((long) chunk * shape.batch() + b) * shape.heads() + h;
        return Objects.requireNonNull(sums).address() + Float.BYTES * row * (diagonals + TILE);
    }

    private static void addRow(float[] dt, int at, long to, int count) {
        int n = 0;
        for (; n + COUNT <= count; n += COUNT) {
            long place = to + (long) Float.BYTES * n;
            Lanes.store(Lanes.load(place).add(FloatVector.fromArray(FLOATS, dt, at + n)), place);
        }
        for (; n < count; n++) {
            long place = to + (long) Float.BYTES * n;
            Native.setFloat(place, Native.getFloat(place) + dt[at + n]);
        }
    }

    /// Adds the sums of a Toeplitz bias to its gradient.
    void sum() {
        if (sums == null) {
            return;
        }
        for (int h = 0; h < shape.heads(); h++) {
            for (int t = 0; t < diagonals; t++) {
                double sum = 0;
                for (int b = 0; b < shape.batch(); b++) {
                    for (int chunk = 0; chunk < chunks; chunk++) {
                        sum += Native.getFloat(sumsOf(chunk, b, h) + (long) Float.BYTES * t);
                    }
                }
                addOne((float) sum, target + Float.BYTES * ((long) h * diagonals + t));
            }
        }
    }
}
