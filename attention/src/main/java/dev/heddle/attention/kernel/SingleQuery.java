package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

/// One query a sequence (decoding): no tile is used twice, so nothing is packed, and every key and value that is seen is
/// read once for all the query heads that share it. All heads go through a tile of [SeenKeys] together, because a cache
/// holds the heads of a token side by side. The keys that the pattern names are cut into chunks of about [#CHUNK], whatever
/// the number of threads, and the chunks' results combined by their sums.
final class SingleQuery {
    private static final int TILE = PackedTiles.TILE;

    /// Keys in a task: some tens of microseconds of memory traffic.
    private static final int CHUNK = 512;

    private final AttentionCall call;
    private final AttentionShape shape;
    private final TileScores scores;
    private final Heads q;
    private final SeenProducts products;
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
        products = new SeenProducts(shape, k, v);
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

        final float[] lanes = new float[SeenProducts.TOGETHER * COUNT];
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
                combine(b, h, y.f32(b, h, 0), lse + Float.BYTES * shape.row(b, h, 0));
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
        products.dots(w.queries, b, seen, w.lanes, w.scores);
        int columns = OnlineSoftmax.columns(seen.longest());
        for (int h = 0; h < shape.heads(); h++) {
            int g = h / shape.group();
            if (!scores.plain()) {
                scores.finish(w.scores, h * TILE, b, h, 0, seen.keys, g * TILE, seen.counts[g]);
            }
            if (seen.bits[h] != -1L) {
                TileScores.mask(w.scores, h * TILE, 0, columns, seen.bits[h], Float.NEGATIVE_INFINITY);
            }
        }
        w.softmax.add(w.scores, 0, shape.heads(), 0, columns);
        products.weigh(w.scores, b, seen, w.softmax.values);
        WorkMeter.add((long) seen.size() * shape.group() * (shape.width() + shape.valueWidth()));
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
