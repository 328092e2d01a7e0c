package dev.heddle.attention.composed;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.heddle.attention.kernel.Lanes;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import jdk.incubator.vector.FloatVector;

import java.nio.ByteOrder;
import java.util.Arrays;

/// Mixes heads along the keys, a vector of pairs of one query at a time: the query's factors are the same for all
/// lanes, the keys' factors lie side by side.
///
/// A chunk of keys goes through all rows of the tile, so that the factors of its keys stay in the first-level cache.
/// Every step is a short loop of its own, because the compiler stops inlining vector operations in long ones.
final class VectorMixing implements Mixing {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /// Keys in a chunk: a multiple of [TilePlan#PAD].
    private static final int CHUNK = 64;

    /// Bytes of a row of one chunk's sums over the heads.
    private static final long SUMS = 4L * CHUNK;

    private static final ThreadLocal<float[]> OWN_LANES = ThreadLocal.withInitial(() -> new float[0]);

    @Override
    public void forward(Operands p, long in, long out) {
        Tensor sums = Tensor.uninitialised(DType.F32, 2, CHUNK);
        for (int s = 0; s < p.columns(); s += CHUNK) {
            int n = Math.min(CHUNK, p.columns() - s);
            for (int r = 0; r < p.rows(); r++) {
                long at = 4L * ((long) r * p.rowStride() + s);
                mix(p, in + at, query(p, r, 0), key(p, s, 0), out + at, sums.address(), n);
            }
        }
    }

    private static long query(Operands p, int r, int row) {
        return p.queryFactors() + 4 * (r * p.queryStride() + (long) row * p.heads());
    }

    private static long key(Operands p, int s, int row) {
        return p.keyFactors() + 4 * (s + (long) row * p.heads() * p.keyStride());
    }

    private static void mix(Operands p, long a, long query, long key, long out, long sums, int n) {
        long head = 4 * p.headStride();
        long lane = 4 * p.keyStride();
        long queryRow = 4L * p.heads();
        long keyRow = p.heads() * lane;
        int rank = p.rank();
        start(p, a, query + 2L * rank * queryRow, key + 2L * rank * keyRow, out, n);
        for (int r = 0; r < rank; r++) {
            int w2 = rank + r;
            project(a, head, p.heads(), query + r * queryRow, key + r * keyRow, lane, sums, n);
            expand(out, head, p.heads(), query + w2 * queryRow, key + w2 * keyRow, lane, sums, n);
        }
    }

    /// `out = a` times 1 and the gates of both sides.
    private static void start(Operands p, long a, long query, long key, long out, int n) {
        long head = 4 * p.headStride();
        for (int h = 0; h < p.heads(); h++) {
            if (p.gated()) {
                long gates = key + h * 4L * p.keyStride();
                gate(a + h * head, 1 + Native.getFloat(query + 4L * h), gates, out + h * head, n);
            } else {
                Native.copy(a + h * head, out + h * head, 4L * n);
            }
        }
    }

    private static void gate(long a, float own, long gates, long out, int n) {
        for (long i = 0; i < 4L * n; i += 4L * COUNT) {
            fromMemorySegment(FLOATS, ALL, gates + i, ORDER)
                    .add(own)
                    .mul(fromMemorySegment(FLOATS, ALL, a + i, ORDER))
                    .intoMemorySegment(ALL, out + i, ORDER);
        }
    }

    /// `sums[0] = Σ_h a[h]·query[h]` and `sums[1] = Σ_h a[h]∘key[h]`.
    private static void project(long a, long head, int heads, long query, long key, long lane, long sums, int n) {
        for (long i = 0; i < 4L * n; i += 8L * COUNT) {
            long x = a + i;
            long k = key + i;
            FloatVector q0 = FloatVector.zero(FLOATS);
            FloatVector q1 = q0;
            FloatVector k0 = q0;
            FloatVector k1 = q0;
            for (int h = 0; h < heads; h++) {
                FloatVector a0 = fromMemorySegment(FLOATS, ALL, x, ORDER);
                FloatVector a1 = fromMemorySegment(FLOATS, ALL, x + 4L * COUNT, ORDER);
                FloatVector w = broadcast(FLOATS, Native.getFloat(query + 4L * h));
                q0 = w.fma(a0, q0);
                q1 = w.fma(a1, q1);
                k0 = fromMemorySegment(FLOATS, ALL, k, ORDER).fma(a0, k0);
                k1 = fromMemorySegment(FLOATS, ALL, k + 4L * COUNT, ORDER).fma(a1, k1);
                x += head;
                k += lane;
            }
            q0.intoMemorySegment(ALL, sums + i, ORDER);
            q1.intoMemorySegment(ALL, sums + i + 4L * COUNT, ORDER);
            k0.intoMemorySegment(ALL, sums + SUMS + i, ORDER);
            k1.intoMemorySegment(ALL, sums + SUMS + i + 4L * COUNT, ORDER);
        }
    }

    /// `out[h] += query[h]·sums[0] + key[h]∘sums[1]`.
    private static void expand(long out, long head, int heads, long query, long key, long lane, long sums, int n) {
        for (long i = 0; i < 4L * n; i += 8L * COUNT) {
            long y = out + i;
            long k = key + i;
            FloatVector q0 = fromMemorySegment(FLOATS, ALL, sums + i, ORDER);
            FloatVector q1 = fromMemorySegment(FLOATS, ALL, sums + i + 4L * COUNT, ORDER);
            FloatVector k0 = fromMemorySegment(FLOATS, ALL, sums + SUMS + i, ORDER);
            FloatVector k1 = fromMemorySegment(FLOATS, ALL, sums + SUMS + i + 4L * COUNT, ORDER);
            for (int h = 0; h < heads; h++) {
                FloatVector w = broadcast(FLOATS, Native.getFloat(query + 4L * h));
                FloatVector y0 = w.fma(q0, fromMemorySegment(FLOATS, ALL, y, ORDER));
                FloatVector y1 = w.fma(q1, fromMemorySegment(FLOATS, ALL, y + 4L * COUNT, ORDER));
                y0 = fromMemorySegment(FLOATS, ALL, k, ORDER).fma(k0, y0);
                y1 = fromMemorySegment(FLOATS, ALL, k + 4L * COUNT, ORDER).fma(k1, y1);
                y0.intoMemorySegment(ALL, y, ORDER);
                y1.intoMemorySegment(ALL, y + 4L * COUNT, ORDER);
                y += head;
                k += lane;
            }
        }
    }

    @Override
    public void backward(Operands p, long in, long dOut, long dIn, long dQuery, long dKey) {
        Tensor sums = Tensor.uninitialised(DType.F32, 4, CHUNK);
        // The gradients of a query's factors are sums along the keys, kept lane by lane until the end.
        float[] lanes = lanes(p.rows() * p.factors() * COUNT);
        for (int s = 0; s < p.columns(); s += CHUNK) {
            int n = Math.min(CHUNK, p.columns() - s);
            long slopes = dKey + 4L * s;
            for (int r = 0; r < p.rows(); r++) {
                long at = 4L * ((long) r * p.rowStride() + s);
                long query = query(p, r, 0);
                int own = r * p.factors() * COUNT;
                unmix(p, in + at, dOut + at, query, key(p, s, 0), dIn + at, lanes, own, slopes, sums.address(), n);
            }
        }
        for (int r = 0; r < p.rows(); r++) {
            for (int f = 0; f < p.factors(); f++) {
                long at = dQuery + 4 * (r * p.queryStride() + f);
                Native.setFloat(at, Native.getFloat(at) + Lanes.sum(lanes, (r * p.factors() + f) * COUNT));
            }
        }
    }

    private static float[] lanes(int size) {
        float[] lanes = OWN_LANES.get();
        if (lanes.length < size) {
            lanes = new float[size];
            OWN_LANES.set(lanes);
        }
        Arrays.fill(lanes, 0, size, 0);
        return lanes;
    }

    private static void unmix(
            Operands p,
            long a,
            long slope,
            long query,
            long key,
            long da,
            float[] lanes,
            int own,
            long dKey,
            long sums,
            int n) {
        int heads = p.heads();
        long head = 4 * p.headStride();
        long lane = 4 * p.keyStride();
        long queryRow = 4L * heads;
        long keyRow = heads * lane;
        int rank = p.rank();
        int ownRow = heads * COUNT;
        long back = sums + 2 * SUMS;
        int gates = 2 * rank;
        start(p, slope, query + gates * queryRow, key + gates * keyRow, da, n);
        if (p.gated()) {
            gateSlopes(a, slope, head, heads, lanes, own + gates * ownRow, dKey + gates * keyRow, lane, n);
        }
        for (int r = 0; r < rank; r++) {
            int w2 = rank + r;
            project(a, head, heads, query + r * queryRow, key + r * keyRow, lane, sums, n);
            project(slope, head, heads, query + w2 * queryRow, key + w2 * keyRow, lane, back, n);
            expand(da, head, heads, query + r * queryRow, key + r * keyRow, lane, back, n);
            slopes(a, head, heads, back, lanes, own + r * ownRow, dKey + r * keyRow, lane, n);
            slopes(slope, head, heads, sums, lanes, own + w2 * ownRow, dKey + w2 * keyRow, lane, n);
        }
    }

    /// `lanes[h] += x[h]∘sums[0]`, summed over vectors, and `dKey[h] += x[h]∘sums[1]`.
    private static void slopes(
            long x, long head, int heads, long sums, float[] lanes, int own, long dKey, long lane, int n) {
        for (int h = 0; h < heads; h++) {
            long row = x + h * head;
            long to = dKey + h * lane;
            FloatVector sum = FloatVector.fromArray(FLOATS, lanes, own + h * COUNT);
            for (long i = 0; i < 4L * n; i += 4L * COUNT) {
                FloatVector v = fromMemorySegment(FLOATS, ALL, row + i, ORDER);
                sum = v.fma(fromMemorySegment(FLOATS, ALL, sums + i, ORDER), sum);
                v.fma(
                                fromMemorySegment(FLOATS, ALL, sums + SUMS + i, ORDER),
                                fromMemorySegment(FLOATS, ALL, to + i, ORDER))
                        .intoMemorySegment(ALL, to + i, ORDER);
            }
            sum.intoArray(lanes, own + h * COUNT);
        }
    }

    /// As [#slopes] for the gates: `a∘slope` on either side.
    private static void gateSlopes(
            long a, long slope, long head, int heads, float[] lanes, int own, long dKey, long lane, int n) {
        for (int h = 0; h < heads; h++) {
            long to = dKey + h * lane;
            FloatVector sum = FloatVector.fromArray(FLOATS, lanes, own + h * COUNT);
            for (long i = 0; i < 4L * n; i += 4L * COUNT) {
                FloatVector v =
                        fromMemorySegment(FLOATS, ALL, a + h * head + i, ORDER)
                                .mul(fromMemorySegment(FLOATS, ALL, slope + h * head + i, ORDER));
                sum = sum.add(v);
                v.add(fromMemorySegment(FLOATS, ALL, to + i, ORDER)).intoMemorySegment(ALL, to + i, ORDER);
            }
            sum.intoArray(lanes, own + h * COUNT);
        }
    }
}
