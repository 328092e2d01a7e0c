package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import java.util.Arrays;

/// The running softmax of a tile of queries, in units of log 2: for each query a reference score, the sum of the powers
/// and the weighted sum of the values, both relative to the reference.
///
/// The reference need not be the running maximum, only near it: it moves when a score exceeds it by more than
/// [#SLACK]. So most tiles need no horizontal maximum and no rescaling, and powers stay below `2^SLACK`.
final class OnlineSoftmax {
    private static final int TILE = PackedTiles.TILE;
    private static final float SLACK = 8;

    /// Columns are taken in by so many.
    static final int STEP = 2 * COUNT;

    /// Sums are kept per lane until the end.
    private static final int SUMS = 16;

    private final float[] reference;
    private final float[] sums;

    /// The weighted values, `[rows][padded value width]`.
    float[] values = new float[0];

    private int width;

    /// @param rows the most queries in a tile
    OnlineSoftmax(int rows) {
        reference = new float[rows];
        sums = new float[rows * SUMS];
    }

    /// `count` rounded up to whole steps.
    static int columns(int count) {
        return (count + STEP - 1) & -STEP;
    }

    /// Starts `rows` queries without a key.
    void clear(int rows, int valueWidth) {
        width = Lanes.padded(valueWidth);
        if (values.length < reference.length * width) {
            values = new float[reference.length * width];
        }
        Arrays.fill(reference, 0, rows, Float.NEGATIVE_INFINITY);
        Arrays.fill(sums, 0, rows * SUMS, 0);
        Arrays.fill(values, 0, rows * width, 0);
    }

    /// Takes in columns `first..stop-1`, both multiples of [#STEP], of rows `from..to-1` of a tile of scores and leaves the
    /// powers in their place.
    void add(float[] s, int from, int to, int first, int stop) {
        for (int r = from; r < to; r++) {
            if (exceeds(s, r * TILE + first, r * TILE + stop, reference[r] + SLACK)) {
                raise(s, r, first, stop);
            }
        }
        for (int r = from; r < to; r++) {
            float zero = reference[r] == Float.NEGATIVE_INFINITY ? 0 : reference[r];
            powers(s, r * TILE + first, r * TILE + stop, zero, r * SUMS);
        }
    }

    private static boolean exceeds(float[] s, int at, int stop, float limit) {
        FloatVector bound = FloatVector.broadcast(FLOATS, limit);
        for (int n = at; n < stop; n += STEP) {
            VectorMask<Float> a = FloatVector.fromArray(FLOATS, s, n).compare(VectorOperators.GT, bound);
            VectorMask<Float> b = FloatVector.fromArray(FLOATS, s, n + COUNT).compare(VectorOperators.GT, bound);
            if (a.or(b).anyTrue()) {
                return true;
            }
        }
        return false;
    }

    private void raise(float[] s, int row, int first, int stop) {
        FloatVector highest = FloatVector.broadcast(FLOATS, reference[row]);
        for (int n = row * TILE + first; n < row * TILE + stop; n += COUNT) {
            highest = highest.max(FloatVector.fromArray(FLOATS, s, n));
        }
        float max = highest.reduceLanes(VectorOperators.MAX);
        float before = reference[row];
        reference[row] = max;
        if (before != Float.NEGATIVE_INFINITY) {
            float factor = (float) Math.exp((before - max) * Lanes.LN_2);
            scale(sums, row * SUMS, SUMS, factor);
            scale(values, row * width, width, factor);
        }
    }

    private static void scale(float[] x, int at, int count, float factor) {
        for (int n = at; n < at + count; n += COUNT) {
            FloatVector.fromArray(FLOATS, x, n).mul(factor).intoArray(x, n);
        }
    }

    // Lanes.exp2 written out, two vectors at a time: a helper that was compiled on its own first would not be inlined
    // but return boxed vectors, and with four vectors the compiler reaches its inlining limit and boxes as well.
    private void powers(float[] s, int at, int stop, float zero, int sumAt) {
        FloatVector sum = FloatVector.fromArray(FLOATS, sums, sumAt);
        for (int n = at; n < stop; n += STEP) {
            FloatVector a = FloatVector.fromArray(FLOATS, s, n).sub(zero);
            FloatVector b = FloatVector.fromArray(FLOATS, s, n + COUNT).sub(zero);
            a = a.blend(Lanes.LOWEST, a.compare(VectorOperators.LT, Lanes.LOWEST));
            b = b.blend(Lanes.LOWEST, b.compare(VectorOperators.LT, Lanes.LOWEST));
            FloatVector aWhole = a.add(Lanes.ROUND);
            FloatVector bWhole = b.add(Lanes.ROUND);
            a = a.sub(aWhole.sub(Lanes.ROUND));
            b = b.sub(bWhole.sub(Lanes.ROUND));
            FloatVector p = FloatVector.broadcast(FLOATS, Lanes.C5).fma(a, FloatVector.broadcast(FLOATS, Lanes.C4));
            FloatVector q = FloatVector.broadcast(FLOATS, Lanes.C5).fma(b, FloatVector.broadcast(FLOATS, Lanes.C4));
            p = p.fma(a, FloatVector.broadcast(FLOATS, Lanes.C3));
            q = q.fma(b, FloatVector.broadcast(FLOATS, Lanes.C3));
            p = p.fma(a, FloatVector.broadcast(FLOATS, Lanes.C2));
            q = q.fma(b, FloatVector.broadcast(FLOATS, Lanes.C2));
            p = p.fma(a, FloatVector.broadcast(FLOATS, Lanes.C1));
            q = q.fma(b, FloatVector.broadcast(FLOATS, Lanes.C1));
            p = p.fma(a, FloatVector.broadcast(FLOATS, 1f));
            q = q.fma(b, FloatVector.broadcast(FLOATS, 1f));
            p = p.mul(aWhole.viewAsIntegralLanes().lanewise(VectorOperators.LSHL, 23).viewAsFloatingLanes());
            q = q.mul(bWhole.viewAsIntegralLanes().lanewise(VectorOperators.LSHL, 23).viewAsFloatingLanes());
            p.intoArray(s, n);
            q.intoArray(s, n + COUNT);
            sum = sum.add(p.add(q));
        }
        sum.intoArray(sums, sumAt);
    }

    /// What the scores of a row are relative to; −∞ before the first allowed key.
    float reference(int row) {
        return reference[row];
    }

    /// The sum of the powers of a row; 0 for a query without an allowed key.
    float sum(int row) {
        return Lanes.sum(sums, row * SUMS);
    }

    /// The natural log-sum-exp of a row with this sum.
    float logSumExp(int row, float sum) {
        return sum == 0 ? Float.NEGATIVE_INFINITY : (float) (reference[row] * Lanes.LN_2 + Math.log(sum));
    }
}
