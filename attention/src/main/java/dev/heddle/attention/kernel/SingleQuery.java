package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import jdk.incubator.vector.FloatVector;

/// One query a sequence (decoding): no tile is used twice, so nothing is packed, and every key and value that is seen is
/// read once for all the query heads that share it. All heads go through a tile of [SeenKeys] together, because a cache
/// holds the heads of a token side by side. The keys that the pattern names are cut into chunks of about [#CHUNK], whatever
/// the number of threads, and the chunks' results combined by their sums.
final class SingleQuery {
    private static final int TILE = PackedTiles.TILE;

    /// Heads of a group that use a key or value while it is in a register: enough sums side by side to hide the latency of
    /// a multiply-add.
    private static final int TOGETHER = 4;

    /// Keys in a task: some tens of microseconds of memory traffic.
    private static final int CHUNK = 512;

    private final AttentionCall call;
    private final AttentionShape shape;
    private final TileScores scores;
    private final Heads q;
    private final Heads k;
    private final Heads v;
    private final int whole;
    private final int padded;
    private final boolean uniform;

    /// The first keys of the words of keys that the query may see any of.
    private final int[] words;

    private final int wordsInChunk;
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
        whole = shape.width() - shape.width() % COUNT;
        padded = Lanes.padded(shape.valueWidth());
        uniform = call.pattern().isUniform(shape.heads());
        KeyRanges named = namedKeys();
        words = named.words();
        wordsInChunk = Math.max(1, (int) ((long) CHUNK * words.length / Math.max(1, named.size())));
        chunks = (words.length + wordsInChunk - 1) / wordsInChunk;
        parts = Tensor.uninitialised(DType.F32, shape.batch() * shape.heads(), chunks, padded + 2);
    }

    private KeyRanges namedKeys() {
        int query = shape.keys() - 1;
        KeyRanges named = KeyRanges.NONE;
        for (int h = 0; h < (uniform ? 1 : shape.heads()); h++) {
            KeyRanges keys = call.pattern().keys(h, query, query + 1);
            named = keys.equals(named) ? named : named.union(keys);
        }
        return named.intersect(KeyRanges.of(0, shape.keys()));
    }

    /// One thread's arrays, kept from call to call.
    private static final class Work {
        static final ThreadLocal<Work> OWN = ThreadLocal.withInitial(Work::new);

        final float[] lanes = new float[COUNT];
        float[] queries = new float[0];
        float[] scores = new float[0];
        OnlineSoftmax softmax = new OnlineSoftmax(0);

        Work prepare(AttentionShape shape) {
            int heads = shape.heads();
            if (scores.length < heads * TILE) {
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
        SeenKeys seen = new SeenKeys(call, uniform);
        int stop = Math.min((chunk + 1) * wordsInChunk, words.length);
        for (int n = chunk * wordsInChunk; n < stop; n++) {
            if (!seen.read(b, words[n])) {
                tile(w, b, seen);
                seen.clear();
            }
            seen.add(words[n]);
        }
        tile(w, b, seen);
        for (int h = 0; h < shape.heads(); h++) {
            long to = part(b, h, chunk);
            RowMath.writeScaled(w.softmax.values, h * padded, 1, to, padded);
            Native.setFloat(to + (long) Float.BYTES * padded, w.softmax.reference(h));
            Native.setFloat(to + (long) Float.BYTES * (padded + 1), w.softmax.sum(h));
        }
    }

    private void tile(Work w, int b, SeenKeys seen) {
        int longest = seen.longest();
        int group = shape.group();
        for (int j = 0; j < longest; j++) {
            for (int g = 0; g < shape.kvHeads(); g++) {
                if (j < seen.counts[g]) {
                    dots(w.queries, g * group, group, k.f32(b, g, seen.keys[g * TILE + j]), w.lanes, w.scores, j);
                }
            }
        }
        for (int h = 0; h < shape.heads(); h++) {
            int g = h / group;
            if (!scores.plain()) {
                scores.finish(w.scores, h * TILE, b, h, 0, seen.keys, g * TILE, seen.counts[g]);
            }
            if (seen.bits[h] != -1L) {
                TileScores.mask(w.scores, h * TILE, seen.bits[h], Float.NEGATIVE_INFINITY);
            }
        }
        w.softmax.add(w.scores, 0, shape.heads(), 0, longest);
        for (int h = 0; h < shape.heads(); ) {
            int count = together(seen.bits, h) ? TOGETHER : 1;
            weigh(w, h, count, seen, v.f32(b, h / group, 0));
            h += count;
        }
        long reads = 0;
        for (int count : seen.counts) {
            reads += count;
        }
        WorkMeter.add(reads * group * (shape.width() + shape.valueWidth()));
    }

    /// Whether the heads from `h` on share their values and see the same of them.
    private boolean together(long[] bits, int h) {
        return h % shape.group() + TOGETHER <= shape.group()
                && bits[h] == bits[h + 1]
                && bits[h] == bits[h + 2]
                && bits[h] == bits[h + 3];
    }

    /// The dot products of one key with the queries of its group, to column `j` of the scores.
    private void dots(float[] queries, int first, int group, long key, float[] lanes, float[] out, int j) {
        int h = first;
        for (; h + TOGETHER <= first + group; h += TOGETHER) {
            fourDots(queries, h, key, lanes, out, j);
        }
        for (; h < first + group; h++) {
            int at = h * shape.width();
            FloatVector sums = FloatVector.zero(FLOATS);
            for (int d = 0; d < whole; d += COUNT) {
                sums =
                        FloatVector.fromArray(FLOATS, queries, at + d)
                                .fma(Lanes.load(key + (long) Float.BYTES * d), sums);
            }
            out[h * TILE + j] = finishDot(sums, lanes, queries, at, key);
        }
    }

    private void fourDots(float[] queries, int h, long key, float[] lanes, float[] out, int j) {
        int width = shape.width();
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
        int to = h * TILE + j;
        out[to] = finishDot(s0, lanes, queries, at, key);
        out[to + TILE] = finishDot(s1, lanes, queries, at + width, key);
        out[to + 2 * TILE] = finishDot(s2, lanes, queries, at + 2 * width, key);
        out[to + 3 * TILE] = finishDot(s3, lanes, queries, at + 3 * width, key);
    }

    /// The sum over the lanes and over the columns that fill none.
    private float finishDot(FloatVector sums, float[] lanes, float[] queries, int at, long key) {
        sums.intoArray(lanes, 0);
        float sum = Lanes.sum(lanes, 0);
        for (int d = whole; d < shape.width(); d++) {
            sum += queries[at + d] * Native.getFloat(key + (long) Float.BYTES * d);
        }
        return sum;
    }

    /// Adds the values of the keys that the heads `h` to `h + count` may see, weighted by their powers.
    private void weigh(Work w, int h, int count, SeenKeys seen, long values) {
        int width = shape.valueWidth();
        long step = Float.BYTES * v.token();
        long bits = seen.bits[h];
        int[] keys = seen.keys;
        int list = h / shape.group() * TILE;
        float[] sums = w.softmax.values;
        int d = 0;
        for (; d + 2 * COUNT <= width; d += 2 * COUNT) {
            long from = values + (long) Float.BYTES * d;
            int to = h * padded + d;
            if (count == TOGETHER) {
                weighFour(w.scores, h * TILE, bits, keys, list, from, step, sums, to, padded);
            } else {
                weighTwo(w.scores, h * TILE, bits, keys, list, from, step, sums, to);
            }
        }
        for (int head = h; head < h + count; head++) {
            for (int rest = d; rest < width; rest++) {
                float sum = sums[head * padded + rest];
                for (long left = bits; left != 0; left &= left - 1) {
                    int j = Long.numberOfTrailingZeros(left);
                    long value = values + keys[list + j] * step;
                    sum += w.scores[head * TILE + j] * Native.getFloat(value + (long) Float.BYTES * rest);
                }
                sums[head * padded + rest] = sum;
            }
        }
    }

    /// As [#weighTwo] for four heads, whose sums are `stride` apart.
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
            int j = Long.numberOfTrailingZeros(left);
            long value = values + keys[list + j] * step;
            FloatVector a = Lanes.load(value);
            FloatVector b = Lanes.load(value + (long) Float.BYTES * COUNT);
            FloatVector p0 = FloatVector.broadcast(FLOATS, p[at + j]);
            FloatVector p1 = FloatVector.broadcast(FLOATS, p[at + TILE + j]);
            FloatVector p2 = FloatVector.broadcast(FLOATS, p[at + 2 * TILE + j]);
            FloatVector p3 = FloatVector.broadcast(FLOATS, p[at + 3 * TILE + j]);
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

    private static void weighTwo(
            float[] p, int at, long bits, int[] keys, int list, long values, long step, float[] out, int to) {
        FloatVector a = FloatVector.fromArray(FLOATS, out, to);
        FloatVector b = FloatVector.fromArray(FLOATS, out, to + COUNT);
        for (long left = bits; left != 0; left &= left - 1) {
            int j = Long.numberOfTrailingZeros(left);
            long value = values + keys[list + j] * step;
            FloatVector weight = FloatVector.broadcast(FLOATS, p[at + j]);
            a = weight.fma(Lanes.load(value), a);
            b = weight.fma(Lanes.load(value + (long) Float.BYTES * COUNT), b);
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
