package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import jdk.incubator.vector.FloatVector;

/// One query a sequence (decoding): no tile is used twice, so nothing is packed, and every key and value is read once for
/// all the query heads that share it. All heads go through a tile of keys together, because a cache holds the heads of a
/// token side by side. Keys are cut into chunks of [#CHUNK], whatever the number of threads, and the chunks' results
/// combined by their sums.
final class SingleQuery {
    private static final int TILE = PackedTiles.TILE;

    /// Keys in a task: some tens of microseconds of memory traffic.
    private static final int CHUNK = 512;

    private final AttentionCall call;
    private final AttentionShape shape;
    private final TileScores scores;
    private final Heads q;
    private final Heads k;
    private final Heads v;
    private final int padded;
    private final int chunks;

    /// Per batch entry, head and chunk: weighted values, then reference and sum of the softmax.
    private final Tensor parts;

    SingleQuery(AttentionCall call, Heads q, Heads k, Heads v) {
        this.call = call;
        this.shape = call.shape();
        this.scores = new TileScores(call);
        this.q = q;
        this.k = k;
        this.v = v;
        padded = Lanes.padded(shape.valueWidth());
        chunks = (shape.keys() + CHUNK - 1) / CHUNK;
        parts = Tensor.uninitialised(DType.F32, shape.batch() * shape.heads(), chunks, padded + 2);
    }

    /// One thread's arrays, kept from call to call.
    private static final class Work {
        static final ThreadLocal<Work> OWN = ThreadLocal.withInitial(Work::new);

        final float[] lanes = new float[COUNT];
        float[] queries = new float[0];
        float[] scores = new float[0];
        long[] bits = new long[0];
        long[] groupBits = new long[0];
        OnlineSoftmax softmax = new OnlineSoftmax(0);

        Work prepare(AttentionShape shape) {
            int heads = shape.heads();
            if (bits.length < heads) {
                bits = new long[heads];
                groupBits = new long[heads];
                scores = new float[heads * TILE];
                softmax = new OnlineSoftmax(heads);
            }
            if (queries.length < heads * shape.width()) {
                queries = new float[heads * shape.width()];
            }
            softmax.clear(heads, shape.valueWidth());
            return this;
        }
    }

    void run(Heads y, long lse) {
        Parallel.run(shape.batch() * chunks, task -> chunk(task / chunks, task % chunks));
        for (int b = 0; b < shape.batch(); b++) {
            for (int h = 0; h < shape.heads(); h++) {
                combine(b, h, y.f32(b, h, 0), lse + Float.BYTES * ((long) b * shape.heads() + h));
            }
        }
    }

    private long part(int b, int h, int chunk) {
        return parts.address() + (long) Float.BYTES * (padded + 2) * (((long) b * shape.heads() + h) * chunks + chunk);
    }

    private void chunk(int b, int chunk) {
        Work w = Work.OWN.get().prepare(shape);
        for (int h = 0; h < shape.heads(); h++) {
            RowMath.readScaled(q.f32(b, h, 0), scores.queryFactor, w.queries, h * shape.width(), shape.width());
        }
        int stop = Math.min((chunk + 1) * CHUNK, shape.keys());
        for (int k0 = chunk * CHUNK; k0 < stop; k0 += TILE) {
            tile(w, b, k0, Math.min(k0 + TILE, stop));
        }
        for (int h = 0; h < shape.heads(); h++) {
            long to = part(b, h, chunk);
            RowMath.writeScaled(w.softmax.values, h * padded, 1, to, padded);
            Native.setFloat(to + (long) Float.BYTES * padded, w.softmax.reference(h));
            Native.setFloat(to + (long) Float.BYTES * (padded + 1), w.softmax.sum(h));
        }
    }

    private void tile(Work w, int b, int k0, int k1) {
        if (!readBits(w, b, k0, k1)) {
            return;
        }
        int group = shape.group();
        for (int j = 0; j < k1 - k0; j++) {
            for (int g = 0; g < shape.kvHeads(); g++) {
                if ((w.groupBits[g] >>> j & 1) != 0) {
                    dots(w.queries, g * group, group, k.f32(b, g, k0 + j), w.lanes, w.scores, j);
                }
            }
        }
        for (int h = 0; h < shape.heads(); h++) {
            if (!scores.plain()) {
                scores.finish(w.scores, h * TILE, null, b, h, 0, k0);
            }
            if (w.bits[h] != -1L) {
                TileScores.mask(w.scores, h * TILE, w.bits[h], Float.NEGATIVE_INFINITY);
            }
        }
        w.softmax.add(w.scores, 0, shape.heads(), 0, TILE);
        for (int h = 0; h < shape.heads(); h++) {
            weigh(w, h, v.f32(b, h / group, k0));
        }
    }

    /// Which keys of the tile each head, and each group of heads, may see; false if none may see any.
    private boolean readBits(Work w, int b, int k0, int k1) {
        int group = shape.group();
        boolean some = false;
        for (int g = 0; g < shape.kvHeads(); g++) {
            long any = 0;
            for (int h = g * group; h < (g + 1) * group; h++) {
                w.bits[h] = bits(b, h, k0, k1);
                any |= w.bits[h];
            }
            w.groupBits[g] = any;
            some |= any != 0;
            WorkMeter.add((long) Long.bitCount(any) * group * (shape.width() + shape.valueWidth()));
        }
        return some;
    }

    private long bits(int b, int h, int k0, int k1) {
        int query = shape.keys() - 1;
        Tile kind = call.pattern().tile(h, query, query + 1, k0, k1);
        long bits = kind == Tile.EMPTY ? 0 : AttentionPattern.firstBits(k1 - k0);
        if (kind == Tile.PARTIAL) {
            bits &= call.pattern().bits(h, query, k0);
        }
        PairMask mask = call.mask();
        return bits == 0 || mask == null ? bits : bits & PairMask.bits(mask.row(b, h, 0) + k0, k1 - k0);
    }

    /// The dot products of one key with the queries of its group, to column `j` of the scores.
    private void dots(float[] queries, int first, int group, long key, float[] lanes, float[] out, int j) {
        int width = shape.width();
        int whole = width - width % COUNT;
        for (int h = first; h < first + group; h++) {
            int at = h * width;
            FloatVector sums = FloatVector.zero(FLOATS);
            for (int d = 0; d < whole; d += COUNT) {
                sums =
                        FloatVector.fromArray(FLOATS, queries, at + d)
                                .fma(Lanes.load(key + (long) Float.BYTES * d), sums);
            }
            sums.intoArray(lanes, 0);
            float sum = Lanes.sum(lanes, 0);
            for (int d = whole; d < width; d++) {
                sum += queries[at + d] * Native.getFloat(key + (long) Float.BYTES * d);
            }
            out[h * TILE + j] = sum;
        }
    }

    /// Adds the values of the keys that head `h` may see, weighted by their powers.
    private void weigh(Work w, int h, long values) {
        int width = shape.valueWidth();
        long step = Float.BYTES * v.token();
        int d = 0;
        for (; d + 2 * COUNT <= width; d += 2 * COUNT) {
            weighTwo(
                    w.scores,
                    h * TILE,
                    w.bits[h],
                    values + (long) Float.BYTES * d,
                    step,
                    w.softmax.values,
                    h * padded + d);
        }
        for (; d < width; d++) {
            float sum = w.softmax.values[h * padded + d];
            for (long left = w.bits[h]; left != 0; left &= left - 1) {
                int j = Long.numberOfTrailingZeros(left);
                sum += w.scores[h * TILE + j] * Native.getFloat(values + j * step + (long) Float.BYTES * d);
            }
            w.softmax.values[h * padded + d] = sum;
        }
    }

    private static void weighTwo(float[] p, int at, long bits, long values, long step, float[] out, int to) {
        FloatVector a = FloatVector.fromArray(FLOATS, out, to);
        FloatVector b = FloatVector.fromArray(FLOATS, out, to + COUNT);
        for (long left = bits; left != 0; left &= left - 1) {
            int j = Long.numberOfTrailingZeros(left);
            FloatVector weight = FloatVector.broadcast(FLOATS, p[at + j]);
            a = weight.fma(Lanes.load(values + j * step), a);
            b = weight.fma(Lanes.load(values + j * step + (long) Float.BYTES * COUNT), b);
        }
        a.intoArray(out, to);
        b.intoArray(out, to + COUNT);
    }

    private void combine(int b, int h, long y, long lse) {
        float reference = Float.NEGATIVE_INFINITY;
        for (int c = 0; c < chunks; c++) {
            reference = Math.max(reference, Native.getFloat(part(b, h, c) + (long) Float.BYTES * padded));
        }
        double sum = 0;
        float[] values = new float[padded];
        for (int c = 0; c < chunks; c++) {
            long part = part(b, h, c);
            float own = Native.getFloat(part + (long) Float.BYTES * padded);
            if (own != Float.NEGATIVE_INFINITY) {
                float factor = (float) Math.exp((own - reference) * Lanes.LN_2);
                sum += (double) factor * Native.getFloat(part + (long) Float.BYTES * (padded + 1));
                RowMath.addScaled(values, factor, part);
            }
        }
        RowMath.writeScaled(values, 0, sum == 0 ? 0 : (float) (1 / sum), y, shape.valueWidth());
        Native.setFloat(lse, sum == 0 ? Float.NEGATIVE_INFINITY : (float) (reference * Lanes.LN_2 + Math.log(sum)));
    }
}
