package dev.heddle.attention.kernel;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Which keys a query meets when tokens are sorted by bucket, once in every round, and cut into chunks of `m`: those of
/// its own chunk and of the one before. The first chunk of a round looks back to the last of the round before, the very
/// first to the very last. A query that meets a key in several slots counts it several times.
///
/// A token does not see itself: it is the last resort of a query that sees nothing else ([ChunkedAttention]).
///
/// Source: arXiv 2001.04451 §2.
public final class SortedChunks {
    private final Rules rules;
    private final int batch;
    private final int heads;
    private final int rounds;
    private final int tokens;
    private final int size;
    // By [b, h, round, ·]: the token of each place, and the chunk and the bucket of each token.
    private final int[] order;
    private final int[] chunks;
    private final int[] buckets;
    private final boolean @Nullable [] valid;

    /// What restricts the pairs further.
    ///
    /// @param causal a key after the query is not seen
    /// @param acrossBuckets keys of another bucket in the same two chunks are seen
    /// @param allowDuplicates a key that is met several times counts as often; otherwise once in all
    public record Rules(boolean causal, boolean acrossBuckets, boolean allowDuplicates) {}

    private SortedChunks(int[] buckets, Shape shape, int size, Rules rules, boolean @Nullable [] valid) {
        this.rules = rules;
        this.batch = shape.dim(0);
        this.heads = shape.dim(1);
        this.rounds = shape.dim(2);
        this.tokens = shape.dim(3);
        this.size = size;
        this.buckets = buckets;
        this.valid = valid;
        order = new int[buckets.length];
        chunks = new int[buckets.length];
        Parallel.run(batch * heads * rounds, this::sort);
    }

    /// Sorts the tokens of every head and round by bucket and then by position.
    ///
    /// @param buckets `[B, H, R, N]` I32; those of round r are `r·N/m` to `(r + 1)·N/m − 1`
    /// @param size tokens in a chunk, m; N must be a multiple of 2·m
    /// @param keyMask `[B, N]` BOOL, true = a token that is seen and sees; null if all are
    /// @throws ShapeException if the sizes do not fit
    /// @throws InputException if a bucket is not one of its round
    public static SortedChunks of(Tensor buckets, int size, Rules rules, @Nullable Tensor keyMask) {
        if (buckets.rank() != 4 || buckets.dtype() != DType.I32 || buckets.dim(2) < 1) {
            throw new ShapeException("buckets: found " + buckets + "; I32 [batch, heads, rounds, tokens] is needed");
        }
        int tokens = buckets.dim(3);
        requireWhole(tokens, size);
        if (keyMask != null
                && (keyMask.dtype() != DType.BOOL || !keyMask.shape().equals(Shape.of(buckets.dim(0), tokens)))) {
            throw new ShapeException(
                    "key_mask: found " + keyMask + "; BOOL[" + buckets.dim(0) + ", " + tokens + "] is needed");
        }
        int[] ids = buckets.toInts();
        int count = tokens / size;
        for (int n = 0; n < ids.length; n++) {
            int first = n / tokens % buckets.dim(2) * count;
            if (ids[n] < first || ids[n] >= first + count) {
                throw new InputException(
                        "buckets: "
                                + ids[n]
                                + " in round "
                                + first / count
                                + " of "
                                + count
                                + " buckets; use "
                                + first
                                + ".."
                                + (first + count - 1));
            }
        }
        return new SortedChunks(ids, buckets.shape(), size, rules, keyMask == null ? null : keyMask.toBooleans());
    }

    /// Refuses lengths that do not fill an even number of chunks.
    ///
    /// @throws ConfigException if a chunk is empty
    /// @throws ShapeException if the length is no multiple of twice the chunk
    public static void requireWhole(int tokens, int size) {
        if (size < 1) {
            throw new ConfigException("bucket_size: " + size + " is less than 1; use for example 64");
        }
        long pair = 2L * size;
        if (tokens % pair != 0) {
            long next = (tokens / pair + 1) * pair;
            throw new ShapeException(
                    "length: "
                            + tokens
                            + " tokens are no multiple of two buckets of "
                            + size
                            + "; pad to "
                            + next
                            + ", as the layer does by itself");
        }
    }

    // Counting sort: stable, so tokens of a bucket keep their order.
    private void sort(int row) {
        int at = row * tokens;
        int count = tokens / size;
        int first = row % rounds * count;
        int[] places = new int[count + 1];
        for (int t = at; t < at + tokens; t++) {
            places[buckets[t] - first + 1]++;
        }
        for (int b = 0; b < count; b++) {
            places[b + 1] += places[b];
        }
        for (int t = at; t < at + tokens; t++) {
            int place = places[buckets[t] - first]++;
            order[at + place] = t - at;
            chunks[t] = first + place / size;
        }
    }

    /// The buckets as they were given, `[B, H, R, N]` I32.
    public Tensor buckets() {
        return Tensor.of(buckets, batch, heads, rounds, tokens);
    }

    /// What restricts the pairs.
    public Rules rules() {
        return rules;
    }

    /// Sequences, B.
    public int batch() {
        return batch;
    }

    /// Heads, H.
    public int heads() {
        return heads;
    }

    /// Rounds of hashing, R.
    public int rounds() {
        return rounds;
    }

    /// Tokens of a sequence, N.
    public int tokens() {
        return tokens;
    }

    /// Tokens in a chunk, m.
    public int size() {
        return size;
    }

    /// Chunks of a round, N/m.
    int perRound() {
        return tokens / size;
    }

    /// The chunk before one of all rounds' chunks.
    int before(int chunk) {
        return chunk == 0 ? rounds * perRound() - 1 : chunk - 1;
    }

    /// The token at a place of a chunk.
    ///
    /// @param head one of the B·H
    /// @param chunk one of all rounds' chunks
    int token(int head, int chunk, int place) {
        return order[head * rounds * tokens + chunk * size + place];
    }

    /// A key's token, or the greatest integer if nobody may see it.
    int key(int head, int chunk, int place) {
        int token = token(head, chunk, place);
        return isValid(head, token) ? token : Integer.MAX_VALUE;
    }

    /// A query sees keys below this token only.
    int limit(int head, int query) {
        if (!isValid(head, query)) {
            return Integer.MIN_VALUE;
        }
        return rules.causal ? query : Integer.MAX_VALUE;
    }

    private boolean isValid(int head, int token) {
        return valid == null || valid[head / heads * tokens + token];
    }

    /// The bucket of a token in a round.
    int bucket(int head, int round, int token) {
        return buckets[(head * rounds + round) * tokens + token];
    }

    /// The chunk of a token in a round, counted over all rounds.
    int chunk(int head, int round, int token) {
        return chunks[(head * rounds + round) * tokens + token];
    }

    /// The keys that a query sees, each as often as it meets it.
    ///
    /// @param head one of the B·H
    /// @param keys receives them; room for 2·R·m
    /// @return how many they are
    public int visible(int head, int query, int[] keys) {
        int count = 0;
        int limit = limit(head, query);
        for (int round = 0; round < rounds; round++) {
            int own = chunk(head, round, query);
            int bucket = bucket(head, round, query);
            for (int chunk : new int[] {before(own), own}) {
                for (int place = 0; place < size; place++) {
                    int key = key(head, chunk, place);
                    boolean seen = key < limit && key != query;
                    if (seen && (rules.acrossBuckets || bucket(head, chunk / perRound(), key) == bucket)) {
                        keys[count++] = key;
                    }
                }
            }
        }
        return count;
    }

    /// In how many rounds a query meets a key, whatever the mask says. As in the official code, a key that is only met
    /// where a round looks back to the round before counts 0.
    int meetings(int head, int query, int key) {
        int count = 0;
        for (int round = 0; round < rounds; round++) {
            int own = chunk(head, round, query);
            int other = chunk(head, round, key);
            if ((own == other || before(own) == other)
                    && (rules.acrossBuckets || bucket(head, round, query) == bucket(head, round, key))) {
                count++;
            }
        }
        return count;
    }

    /// What is subtracted from the score of a key that is met this often, if duplicates are not allowed.
    static double correction(int meetings) {
        return Math.log(meetings + 1e-9);
    }
}
