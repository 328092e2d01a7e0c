package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.jspecify.annotations.Nullable;

import java.util.function.IntUnaryOperator;

/// From dot products to scores, in units of log 2 so that the softmax needs only powers of two: cap and bias, row by row
/// on a tile of [PackedTiles#TILE] columns.
final class TileScores {
    private static final int TILE = PackedTiles.TILE;

    private final AttentionCall call;

    /// What queries are multiplied with before the product.
    final float queryFactor;

    TileScores(AttentionCall call) {
        this.call = call;
        double factor = call.softcap() > 0 ? call.scale() / call.softcap() : call.scale() * Lanes.LOG2_E;
        queryFactor = (float) factor;
    }

    /// Whether [#finish] has anything to do.
    boolean plain() {
        return call.softcap() == 0 && call.bias() instanceof ScoreBias.None;
    }

    /// Caps one row of scores and adds its bias. The row of `tanh` is kept in `caps` at the same place, unless null.
    ///
    /// @param i place of the query
    /// @param k0 place of the first key
    void finish(float[] s, int at, float @Nullable [] caps, Pass pass, int b, int h, int i, int k0) {
        if (pass.isNatural()) {
            finish(s, at, caps, b, h, i, k0);
            return;
        }
        if (call.softcap() > 0) {
            cap(s, at, caps);
        }
        addGathered(s, at, b, h, pass.query(i), Math.min(TILE, pass.keys - k0), n -> pass.key(k0 + n));
    }

    /// Caps one row of scores and adds its bias, where column `n` is about key `keys[from + n]`.
    ///
    /// @param i the query
    void finish(float[] s, int at, int b, int h, int i, int[] keys, int from, int count) {
        if (call.softcap() > 0) {
            cap(s, at, null);
        }
        addGathered(s, at, b, h, i, count, n -> keys[from + n]);
    }

    // As above where places are tokens.
    private void finish(float[] s, int at, float @Nullable [] caps, int b, int h, int i, int k0) {
        if (call.softcap() > 0) {
            cap(s, at, caps);
        }
        AttentionShape shape = call.shape();
        int keys = Math.min(TILE, shape.keys() - k0);
        switch (call.bias()) {
            case ScoreBias.None none -> {}
            case ScoreBias.Toeplitz bias ->
                    addRow(s, at, bias.address() + (long) Float.BYTES * diagonal(shape, h, i, k0), keys);
            case ScoreBias.Dense bias -> {
                long address = bias.address() + Float.BYTES * bias.index(b, h, i, k0);
                if (bias.key() == 0) {
                    addOne(s, at, Native.getFloat(address) * Lanes.LOG2_E);
                } else {
                    addRow(s, at, address, keys);
                }
            }
        }
    }

    private void addGathered(float[] s, int at, int b, int h, int i, int keys, IntUnaryOperator key) {
        switch (call.bias()) {
            case ScoreBias.None none -> {}
            case ScoreBias.Toeplitz bias -> {
                long first = diagonal(call.shape(), h, i, 0);
                for (int n = 0; n < keys; n++) {
                    s[at + n] += element(bias.address(), first + key.applyAsInt(n));
                }
            }
            case ScoreBias.Dense bias -> {
                for (int n = 0; n < keys; n++) {
                    int j = bias.key() == 0 ? 0 : key.applyAsInt(n);
                    s[at + n] += element(bias.address(), bias.index(b, h, i, j));
                }
            }
        }
    }

    private static float element(long address, long index) {
        return Native.getFloat(address + Float.BYTES * index) * Lanes.LOG2_E;
    }

    /// The index of the pair `(i, j)` in a Toeplitz bias.
    static long diagonal(AttentionShape shape, int h, int i, int j) {
        return (long) h * (shape.queries() + shape.keys() - 1) + (j - (i + shape.offset())) + (shape.keys() - 1);
    }

    private void cap(float[] s, int at, float @Nullable [] caps) {
        float factor = (float) (call.softcap() * Lanes.LOG2_E);
        for (int n = at; n < at + TILE; n += COUNT) {
            FloatVector tanh = Lanes.tanh(FloatVector.fromArray(FLOATS, s, n));
            if (caps != null) {
                tanh.intoArray(caps, n);
            }
            tanh.mul(factor).intoArray(s, n);
        }
    }

    private static void addOne(float[] s, int at, float value) {
        for (int n = at; n < at + TILE; n += COUNT) {
            FloatVector.fromArray(FLOATS, s, n).add(value).intoArray(s, n);
        }
    }

    private static void addRow(float[] s, int at, long bias, int keys) {
        int n = 0;
        for (; n + COUNT <= keys; n += COUNT) {
            Lanes.load(bias + (long) Float.BYTES * n)
                    .fma(FloatVector.broadcast(FLOATS, Lanes.LOG2_E), FloatVector.fromArray(FLOATS, s, at + n))
                    .intoArray(s, at + n);
        }
        for (; n < keys; n++) {
            s[at + n] += Native.getFloat(bias + (long) Float.BYTES * n) * Lanes.LOG2_E;
        }
    }

    /// Writes `value` where the row's bits are not set, in columns `first..stop-1`, both multiples of [Lanes#COUNT].
    static void mask(float[] s, int at, int first, int stop, long bits, float value) {
        for (int n = first; n < stop; n += COUNT) {
            VectorMask<Float> allowed = VectorMask.fromLong(FLOATS, bits >>> n);
            FloatVector.broadcast(FLOATS, value)
                    .blend(FloatVector.fromArray(FLOATS, s, at + n), allowed)
                    .intoArray(s, at + n);
        }
    }
}
