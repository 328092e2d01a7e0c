package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Short loops over one row: between native memory and a thread's arrays, and over a row of pairs.
final class RowMath {
    private static final int TILE = PackedTiles.TILE;

    private RowMath() {}

    static void read(long from, float[] to, int count) {
        MemorySegment.copy(Native.ALL, ValueLayout.JAVA_FLOAT, from, to, 0, count);
    }

    static void write(float[] from, long to, int count) {
        MemorySegment.copy(from, 0, Native.ALL, ValueLayout.JAVA_FLOAT, to, count);
    }

    static void readScaled(long from, float factor, float[] to, int at, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            Lanes.load(from + (long) Float.BYTES * d).mul(factor).intoArray(to, at + d);
        }
        for (; d < count; d++) {
            to[at + d] = Native.getFloat(from + (long) Float.BYTES * d) * factor;
        }
    }

    static void writeScaled(float[] from, int at, float factor, long to, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            Lanes.store(FloatVector.fromArray(FLOATS, from, at + d).mul(factor), to + (long) Float.BYTES * d);
        }
        for (; d < count; d++) {
            Native.setFloat(to + (long) Float.BYTES * d, from[at + d] * factor);
        }
    }

    /// `to = factor·from`; both may be the same.
    static void scale(long from, float factor, long to, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            Lanes.store(Lanes.load(from + (long) Float.BYTES * d).mul(factor), to + (long) Float.BYTES * d);
        }
        for (; d < count; d++) {
            Native.setFloat(to + (long) Float.BYTES * d, Native.getFloat(from + (long) Float.BYTES * d) * factor);
        }
    }

    /// `to += from`.
    static void accumulate(long from, long to, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            long place = to + (long) Float.BYTES * d;
            Lanes.store(Lanes.load(place).add(Lanes.load(from + (long) Float.BYTES * d)), place);
        }
        for (; d < count; d++) {
            long place = to + (long) Float.BYTES * d;
            Native.setFloat(place, Native.getFloat(place) + Native.getFloat(from + (long) Float.BYTES * d));
        }
    }

    /// `to = fa·a + fb·b + fc·c`.
    static void sum(long a, float fa, long b, float fb, long c, float fc, long to, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            long at = (long) Float.BYTES * d;
            FloatVector sum = Lanes.load(a + at).mul(fa).add(Lanes.load(b + at).mul(fb));
            Lanes.store(sum.add(Lanes.load(c + at).mul(fc)), to + at);
        }
        for (; d < count; d++) {
            long at = (long) Float.BYTES * d;
            Native.setFloat(
                    to + at,
                    Native.getFloat(a + at) * fa + Native.getFloat(b + at) * fb + Native.getFloat(c + at) * fc);
        }
    }

    /// `to = keep·to + share·from`.
    static void mix(long to, float keep, float[] from, int at, float share, int count) {
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            long place = to + (long) Float.BYTES * d;
            FloatVector added = FloatVector.fromArray(FLOATS, from, at + d).mul(share);
            Lanes.store(Lanes.load(place).mul(keep).add(added), place);
        }
        for (; d < count; d++) {
            long place = to + (long) Float.BYTES * d;
            Native.setFloat(place, Native.getFloat(place) * keep + from[at + d] * share);
        }
    }

    /// `sum += row` over the whole (padded) array.
    static void addTo(float[] sum, long row) {
        for (int d = 0; d < sum.length; d += COUNT) {
            FloatVector.fromArray(FLOATS, sum, d).add(Lanes.load(row + (long) Float.BYTES * d)).intoArray(sum, d);
        }
    }

    /// `sum += factor·row` over the whole (padded) array.
    static void addScaled(float[] sum, float factor, long row) {
        for (int d = 0; d < sum.length; d += COUNT) {
            Lanes.load(row + (long) Float.BYTES * d)
                    .fma(FloatVector.broadcast(FLOATS, factor), FloatVector.fromArray(FLOATS, sum, d))
                    .intoArray(sum, d);
        }
    }

    /// @param lanes room for a vector
    static float dot(long a, long b, int count, float[] lanes) {
        FloatVector sums = FloatVector.zero(FLOATS);
        int d = 0;
        for (; d + COUNT <= count; d += COUNT) {
            sums = Lanes.load(a + (long) Float.BYTES * d).fma(Lanes.load(b + (long) Float.BYTES * d), sums);
        }
        sums.intoArray(lanes, 0);
        float sum = Lanes.sum(lanes, 0);
        for (; d < count; d++) {
            sum += Native.getFloat(a + (long) Float.BYTES * d) * Native.getFloat(b + (long) Float.BYTES * d);
        }
        return sum;
    }

    /// A row of scores becomes probabilities, `2^(s − logSum)`, and a row of their gradients becomes score gradients,
    /// `p·(dp − delta)`.
    ///
    /// @param at first column
    /// @param stop one past the last, a multiple of [OnlineSoftmax#STEP] further
    // Lanes.exp2 written out, as in OnlineSoftmax and for the same reason.
    static void gradients(float[] s, float[] dp, int at, int stop, float logSum, float delta) {
        for (int n = at; n < stop; n += OnlineSoftmax.STEP) {
            FloatVector a = FloatVector.fromArray(FLOATS, s, n).sub(logSum);
            FloatVector b = FloatVector.fromArray(FLOATS, s, n + COUNT).sub(logSum);
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
            FloatVector.fromArray(FLOATS, dp, n).sub(delta).mul(p).intoArray(dp, n);
            FloatVector.fromArray(FLOATS, dp, n + COUNT).sub(delta).mul(q).intoArray(dp, n + COUNT);
        }
    }

    /// Takes score gradients back through the cap: times `1 − tanh²`.
    static void uncap(float[] dt, float[] tanh, int at) {
        for (int n = at; n < at + TILE; n += COUNT) {
            FloatVector t = FloatVector.fromArray(FLOATS, tanh, n);
            FloatVector g = FloatVector.fromArray(FLOATS, dt, n);
            g.sub(g.mul(t).mul(t)).intoArray(dt, n);
        }
    }
}
