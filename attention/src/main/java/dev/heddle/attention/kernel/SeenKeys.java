package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;

import java.util.Arrays;

/// The keys that a query is about to read: for each key/value head a list of up to a tile of keys that any of its query
/// heads may see, and for each query head which of the list it may see. Scattered keys fill tiles as neighbours do, and no
/// other key is read.
final class SeenKeys {
    private static final int TILE = PackedTiles.TILE;

    private final AttentionCall call;
    private final AttentionShape shape;
    private final boolean uniform;

    /// `[kvHeads][TILE]`.
    final int[] keys;

    /// The length of each list.
    final int[] counts;

    /// For each query head, bit `n` is set iff it may see key `n` of its list.
    final long[] bits;

    // Of the word of keys that was read last, what each query head sees, and each group of them.
    private final long[] word;
    private final long[] groupWord;

    /// @param uniform whether the pattern is known to be the same for all heads
    SeenKeys(AttentionCall call, boolean uniform) {
        this.call = call;
        this.uniform = uniform;
        shape = call.shape();
        keys = new int[shape.kvHeads() * TILE];
        counts = new int[shape.kvHeads()];
        bits = new long[shape.heads()];
        word = new long[shape.heads()];
        groupWord = new long[shape.kvHeads()];
    }

    /// Reads which of the keys `first..first+63` are seen; true if they fit into what is left of every list.
    boolean read(int b, int first) {
        int query = shape.keys() - 1;
        int count = Math.min(AttentionPattern.BITS, shape.keys() - first);
        PairMask mask = call.mask();
        boolean fit = true;
        long seen = 0;
        for (int g = 0, h = 0; g < shape.kvHeads(); g++) {
            long any = 0;
            for (int end = h + shape.group(); h < end; h++) {
                if (h == 0 || !uniform) {
                    seen = call.pattern().bits(h, query, first) & AttentionPattern.firstBits(count);
                }
                word[h] = mask == null ? seen : seen & PairMask.bits(mask.row(b, h, 0) + first, count);
                any |= word[h];
            }
            groupWord[g] = any;
            fit &= counts[g] + Long.bitCount(any) <= TILE;
        }
        return fit;
    }

    /// Adds what was read from key `first` on.
    void add(int first) {
        for (int g = 0, h = 0; g < shape.kvHeads(); g++) {
            long any = groupWord[g];
            for (int end = h + shape.group(); h < end; h++) {
                bits[h] |= Long.compress(word[h], any) << counts[g];
            }
            int at = g * TILE + counts[g];
            for (long left = any; left != 0; left &= left - 1) {
                keys[at++] = first + Long.numberOfTrailingZeros(left);
            }
            counts[g] = at - g * TILE;
        }
    }

    /// The length of the longest list.
    int longest() {
        int longest = 0;
        for (int count : counts) {
            longest = Math.max(longest, count);
        }
        return longest;
    }

    /// The keys of all lists.
    int size() {
        int size = 0;
        for (int count : counts) {
            size += count;
        }
        return size;
    }

    void clear() {
        Arrays.fill(counts, 0);
        Arrays.fill(bits, 0);
    }
}
