package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;

/// The products of one query's heads with the keys and values of [SeenKeys], each read from where it lies.
final class SeenProducts {
    /// Dot products or sums side by side: enough to hide the latency of a multiply-add, and of memory where rows are far
    /// from each other.
    static final int TOGETHER = 4;

    private static final int TILE = PackedTiles.TILE;

    private final AttentionShape shape;
    private final Heads k;
    private final Heads v;
    private final int group;
    private final int width;
    private final int whole;
    private final int padded;

    SeenProducts(AttentionShape shape, Heads k, Heads v) {
        this.shape = shape;
        this.k = k;
        this.v = v;
        group = shape.group();
        width = shape.width();
        whole = width - width % COUNT;
        padded = Lanes.padded(shape.valueWidth());
    }

    /// The dot products of each head's query with the keys of its list, `out[h·TILE + n]` for key `n`. What is beyond the
    /// end of a list is undefined.
    ///
    /// @param queries `[heads][width]`
    /// @param lanes room for [#TOGETHER] vectors
    void dots(float[] queries, int b, SeenKeys seen, float[] lanes, float[] out) {
        int longest = seen.longest();
        for (int j = 0; j < longest; j += TOGETHER) {
            for (int g = 0; g < shape.kvHeads(); g++) {
                int stop = Math.min(j + TOGETHER, seen.counts[g]);
                if (j < stop) {
                    dots(queries, b, g, seen.keys, j, stop, lanes, out);
                }
            }
        }
    }

    // Heads that share a key use it together; where too few do, keys go together.
    private void dots(float[] queries, int b, int g, int[] keys, int j, int stop, float[] lanes, float[] out) {
        int list = g * TILE;
        int h = g * group;
        for (; h + TOGETHER <= (g + 1) * group; h += TOGETHER) {
            for (int n = j; n < stop; n++) {
                fourHeads(queries, h, k.f32(b, g, keys[list + n]), lanes, out, h * TILE + n);
            }
        }
        if (h == (g + 1) * group) {
            return;
        }
        // A short rest is filled up with its last key.
        int last = list + stop - 1;
        long first = k.f32(b, g, keys[list + j]);
        long second = k.f32(b, g, keys[Math.min(list + j + 1, last)]);
        long third = k.f32(b, g, keys[Math.min(list + j + 2, last)]);
        long fourth = k.f32(b, g, keys[last]);
        for (; h < (g + 1) * group; h++) {
            fourKeys(queries, h * width, first, second, third, fourth, lanes);
            for (int n = j; n < stop; n++) {
                float rest = rest(queries, h * width, k.f32(b, g, keys[list + n]));
                out[h * TILE + n] = Lanes.sum(lanes, (n - j) * COUNT) + rest;
            }
        }
    }

    private void fourKeys(float[] queries, int at, long k0, long k1, long k2, long k3, float[] lanes) {
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int d = 0; d < whole; d += COUNT) {
            FloatVector x = FloatVector.fromArray(FLOATS, queries, at + d);
            long column = (long) Float.BYTES * d;
            s0 = Lanes.load(k0 + column).fma(x, s0);
            s1 = Lanes.load(k1 + column).fma(x, s1);
            s2 = Lanes.load(k2 + column).fma(x, s2);
            s3 = Lanes.load(k3 + column).fma(x, s3);
        }
        s0.intoArray(lanes, 0);
        s1.intoArray(lanes, COUNT);
        s2.intoArray(lanes, 2 * COUNT);
        s3.intoArray(lanes, 3 * COUNT);
    }

    private void fourHeads(float[] queries, int h, long key, float[] lanes, float[] out, int to) {
        int at = h * width;
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int d = 0; d < whole; d += COUNT) {
            FloatVector x = Lanes.load(key + (long) Float.BYTES * d);
            s0 = FloatVector.fromArray(FLOATS, queries, at + d).fma(x, s0);
            s1 = FloatVector.fromArray(FLOATS, queries, at + width + d).fma(x, s1);
            s2 = FloatVector.fromArray(FLOATS, queries, at + 2 * width + d).fma(x, s2);
            s3 = FloatVector.fromArray(FLOATS, queries, at + 3 * width + d).fma(x, s3);
        }
        s0.intoArray(lanes, 0);
        s1.intoArray(lanes, COUNT);
        s2.intoArray(lanes, 2 * COUNT);
        s3.intoArray(lanes, 3 * COUNT);
        for (int n = 0; n < TOGETHER; n++) {
            out[to + n * TILE] = Lanes.sum(lanes, n * COUNT) + rest(queries, at + n * width, key);
        }
    }

    /// The part of a dot product in columns that fill no vector.
    private float rest(float[] queries, int at, long key) {
        float sum = 0;
        for (int d = whole; d < width; d++) {
            sum += queries[at + d] * Native.getFloat(key + (long) Float.BYTES * d);
        }
        return sum;
    }

    /// Adds to `sums`, `[heads][padded value width]`, the values that each head may see, weighted by `powers[h·TILE + n]`.
    void weigh(float[] powers, int b, SeenKeys seen, float[] sums) {
        for (int h = 0; h < shape.heads(); ) {
            int count = together(seen.bits, h) ? TOGETHER : 1;
            weigh(powers, h, count, seen, v.f32(b, h / group, 0), sums);
            h += count;
        }
    }

    // Whether the heads from `h` on share their values and see the same of them.
    private boolean together(long[] bits, int h) {
        return h % group + TOGETHER <= group
                && bits[h] == bits[h + 1]
                && bits[h] == bits[h + 2]
                && bits[h] == bits[h + 3];
    }

    private void weigh(float[] powers, int h, int count, SeenKeys seen, long values, float[] sums) {
        long step = Float.BYTES * v.token();
        long bits = seen.bits[h];
        int[] keys = seen.keys;
        int list = h / group * TILE;
        int d = 0;
        for (; count == TOGETHER && d + 2 * COUNT <= shape.valueWidth(); d += 2 * COUNT) {
            long from = values + (long) Float.BYTES * d;
            weighFour(powers, h * TILE, bits, keys, list, from, step, sums, h * padded + d, padded);
        }
        for (; count == 1 && d + 4 * COUNT <= shape.valueWidth(); d += 4 * COUNT) {
            long from = values + (long) Float.BYTES * d;
            weighWide(powers, h * TILE, bits, keys, list, from, step, sums, h * padded + d);
        }
        for (int head = h; head < h + count; head++) {
            int rest = d;
            for (; rest + COUNT <= shape.valueWidth(); rest += COUNT) {
                long from = values + (long) Float.BYTES * rest;
                weighOne(powers, head * TILE, bits, keys, list, from, step, sums, head * padded + rest);
            }
            for (; rest < shape.valueWidth(); rest++) {
                float sum = sums[head * padded + rest];
                for (long left = bits; left != 0; left &= left - 1) {
                    int n = Long.numberOfTrailingZeros(left);
                    long value = values + keys[list + n] * step;
                    sum += powers[head * TILE + n] * Native.getFloat(value + (long) Float.BYTES * rest);
                }
                sums[head * padded + rest] = sum;
            }
        }
    }

    /// Four heads, whose sums are `stride` apart, and two vectors of columns.
    private static void weighFour(
            float[] p,
            int at,
            long bits,
            int[] keys,
            int list,
            long values,
            long step,
            float[] out,
            int to,
            int stride) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, out, to);
        FloatVector b0 = FloatVector.fromArray(FLOATS, out, to + COUNT);
        FloatVector a1 = FloatVector.fromArray(FLOATS, out, to + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, out, to + stride + COUNT);
        FloatVector a2 = FloatVector.fromArray(FLOATS, out, to + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, out, to + 2 * stride + COUNT);
        FloatVector a3 = FloatVector.fromArray(FLOATS, out, to + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, out, to + 3 * stride + COUNT);
        for (long left = bits; left != 0; left &= left - 1) {
            int n = Long.numberOfTrailingZeros(left);
            long value = values + keys[list + n] * step;
            FloatVector a = Lanes.load(value);
            FloatVector b = Lanes.load(value + (long) Float.BYTES * COUNT);
            FloatVector p0 = FloatVector.broadcast(FLOATS, p[at + n]);
            FloatVector p1 = FloatVector.broadcast(FLOATS, p[at + TILE + n]);
            FloatVector p2 = FloatVector.broadcast(FLOATS, p[at + 2 * TILE + n]);
            FloatVector p3 = FloatVector.broadcast(FLOATS, p[at + 3 * TILE + n]);
            a0 = p0.fma(a, a0);
            b0 = p0.fma(b, b0);
            a1 = p1.fma(a, a1);
            b1 = p1.fma(b, b1);
            a2 = p2.fma(a, a2);
            b2 = p2.fma(b, b2);
            a3 = p3.fma(a, a3);
            b3 = p3.fma(b, b3);
        }
        a0.intoArray(out, to);
        b0.intoArray(out, to + COUNT);
        a1.intoArray(out, to + stride);
        b1.intoArray(out, to + stride + COUNT);
        a2.intoArray(out, to + 2 * stride);
        b2.intoArray(out, to + 2 * stride + COUNT);
        a3.intoArray(out, to + 3 * stride);
        b3.intoArray(out, to + 3 * stride + COUNT);
    }

    /// One head and four vectors of columns.
    private static void weighWide(
            float[] p, int at, long bits, int[] keys, int list, long values, long step, float[] out, int to) {
        FloatVector a = FloatVector.fromArray(FLOATS, out, to);
        FloatVector b = FloatVector.fromArray(FLOATS, out, to + COUNT);
        FloatVector c = FloatVector.fromArray(FLOATS, out, to + 2 * COUNT);
        FloatVector d = FloatVector.fromArray(FLOATS, out, to + 3 * COUNT);
        for (long left = bits; left != 0; left &= left - 1) {
            int n = Long.numberOfTrailingZeros(left);
            long value = values + keys[list + n] * step;
            FloatVector weight = FloatVector.broadcast(FLOATS, p[at + n]);
            a = weight.fma(Lanes.load(value), a);
            b = weight.fma(Lanes.load(value + (long) Float.BYTES * COUNT), b);
            c = weight.fma(Lanes.load(value + 2L * Float.BYTES * COUNT), c);
            d = weight.fma(Lanes.load(value + 3L * Float.BYTES * COUNT), d);
        }
        a.intoArray(out, to);
        b.intoArray(out, to + COUNT);
        c.intoArray(out, to + 2 * COUNT);
        d.intoArray(out, to + 3 * COUNT);
    }

    /// One head and one vector of columns.
    private static void weighOne(
            float[] p, int at, long bits, int[] keys, int list, long values, long step, float[] out, int to) {
        FloatVector sum = FloatVector.fromArray(FLOATS, out, to);
        for (long left = bits; left != 0; left &= left - 1) {
            int n = Long.numberOfTrailingZeros(left);
            FloatVector value = Lanes.load(values + keys[list + n] * step);
            sum = FloatVector.broadcast(FLOATS, p[at + n]).fma(value, sum);
        }
        sum.intoArray(out, to);
    }
}
