package dev.heddle.attention.pattern;

import java.util.Arrays;

/// Sorted, disjoint, half-open ranges of key positions.
public final class KeyRanges {
    /// Every key.
    public static final KeyRanges ALL = new KeyRanges(new int[] {Integer.MIN_VALUE, Integer.MAX_VALUE});

    /// No key.
    public static final KeyRanges NONE = new KeyRanges(new int[0]);

    /// start, stop, start, stop …
    private final int[] bounds;

    private KeyRanges(int[] bounds) {
        this.bounds = bounds;
    }

    /// The keys `start..stop-1`; none if `stop ≤ start`. Bounds beyond the range of `int` are cut.
    public static KeyRanges of(long start, long stop) {
        int from = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, start));
        int to = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, stop));
        return to <= from ? NONE : new KeyRanges(new int[] {from, to});
    }

    /// The ranges with these bounds: start, stop, start, stop …, each beyond the one before.
    static KeyRanges sorted(int... bounds) {
        return bounds.length == 0 ? NONE : new KeyRanges(bounds);
    }

    /// The ranges `first + n·period … first + n·period + length − 1` for `n ≥ 0`, cut at `stop`.
    static KeyRanges periodic(long first, int length, int period, long stop) {
        if (period <= length || first >= stop) {
            return of(first, stop);
        }
        int count = Math.toIntExact((stop - 1 - first) / period + 1);
        int[] bounds = new int[2 * count];
        for (int range = 0; range < count; range++) {
            bounds[2 * range] = (int) (first + (long) range * period);
            bounds[2 * range + 1] = (int) Math.min(bounds[2 * range] + (long) length, stop);
        }
        return new KeyRanges(bounds);
    }

    /// The number of ranges.
    public int count() {
        return bounds.length / 2;
    }

    /// The first key of a range.
    public int start(int range) {
        return bounds[2 * range];
    }

    /// One past the last key of a range.
    public int stop(int range) {
        return bounds[2 * range + 1];
    }

    /// The number of keys in all ranges.
    public long size() {
        long size = 0;
        for (int range = 0; range < count(); range++) {
            size += (long) stop(range) - start(range);
        }
        return size;
    }

    /// The first keys of words of [AttentionPattern#BITS] keys that together hold all ranges: rising, and no two words
    /// share a key. The last word may go beyond the last range. Ranges without bounds have many millions of words: cut them
    /// to the keys that there are.
    public int[] words() {
        long most = 0;
        for (int range = 0; range < count(); range++) {
            most += Math.ceilDiv((long) stop(range) - start(range), AttentionPattern.BITS);
        }
        int[] words = new int[Math.toIntExact(most)];
        int count = 0;
        long next = Integer.MIN_VALUE;
        for (int range = 0; range < count(); range++) {
            for (next = Math.max(next, start(range)); next < stop(range); next += AttentionPattern.BITS) {
                words[count++] = (int) next;
            }
        }
        return Arrays.copyOf(words, count);
    }

    /// The keys in both.
    public KeyRanges intersect(KeyRanges other) {
        int[] out = new int[bounds.length + other.bounds.length];
        int n = 0;
        for (int i = 0, j = 0; i < bounds.length && j < other.bounds.length; ) {
            int start = Math.max(bounds[i], other.bounds[j]);
            int stop = Math.min(bounds[i + 1], other.bounds[j + 1]);
            if (start < stop) {
                out[n++] = start;
                out[n++] = stop;
            }
            if (bounds[i + 1] < other.bounds[j + 1]) {
                i += 2;
            } else {
                j += 2;
            }
        }
        return new KeyRanges(Arrays.copyOf(out, n));
    }

    /// The keys in either.
    public KeyRanges union(KeyRanges other) {
        int[] out = new int[bounds.length + other.bounds.length];
        int n = 0;
        for (int i = 0, j = 0; i < bounds.length || j < other.bounds.length; ) {
            boolean mine = j == other.bounds.length || (i < bounds.length && bounds[i] <= other.bounds[j]);
            int start = mine ? bounds[i] : other.bounds[j];
            int stop = mine ? bounds[i + 1] : other.bounds[j + 1];
            if (mine) {
                i += 2;
            } else {
                j += 2;
            }
            if (n > 0 && start <= out[n - 1]) {
                out[n - 1] = Math.max(out[n - 1], stop);
            } else {
                out[n++] = start;
                out[n++] = stop;
            }
        }
        return new KeyRanges(Arrays.copyOf(out, n));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof KeyRanges ranges && Arrays.equals(bounds, ranges.bounds);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bounds);
    }

    @Override
    public String toString() {
        return Arrays.toString(bounds);
    }
}
