package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

/// Keys at a distance: query `i` sees key `j` iff `−left·rate ≤ j − i ≤ right·rate` and `rate` divides `j − i`.
///
/// Full attention, causal attention and the sliding window are all of this kind.
///
/// @param left how many steps back, or [#UNLIMITED]
/// @param right how many steps ahead, or [#UNLIMITED]
/// @param rate the length of a step (dilation)
public record Window(int left, int right, int rate) implements AttentionPattern {
    /// No bound on this side.
    public static final int UNLIMITED = -1;

    /// @throws ConfigException if a side is below −1 or the rate below 1
    public Window {
        if (left < UNLIMITED || right < UNLIMITED) {
            throw new ConfigException(
                    "window: [" + left + ", " + right + "] has a negative side; use 0 or more, or -1 for no bound");
        }
        if (rate < 1) {
            throw new ConfigException("rate: " + rate + " is below 1; use 1 for a plain window");
        }
    }

    private long lowest() {
        return left == UNLIMITED ? Integer.MIN_VALUE : -(long) left * rate;
    }

    private long highest() {
        return right == UNLIMITED ? Integer.MAX_VALUE : (long) right * rate;
    }

    @Override
    public boolean allows(int head, int query, int key) {
        long offset = (long) key - query;
        return offset >= lowest() && offset <= highest() && offset % rate == 0;
    }

    @Override
    public long bits(int head, int query, int key) {
        long offset = (long) key - query;
        long first = Math.max(0, lowest() - offset);
        long last = Math.min(BITS - 1, highest() - offset);
        if (first > last) {
            return 0;
        }
        if (rate == 1) {
            return (-1L << first) & (-1L >>> (BITS - 1 - last));
        }
        long bits = 0;
        for (long t = first + Math.floorMod(-(offset + first), rate); t <= last; t += rate) {
            bits |= 1L << t;
        }
        return bits;
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        long smallest = (long) k0 - (q1 - 1);
        long largest = (long) (k1 - 1) - q0;
        if (largest < lowest() || smallest > highest()) {
            return Tile.EMPTY;
        }
        return rate == 1 && smallest >= lowest() && largest <= highest() ? Tile.FULL : Tile.PARTIAL;
    }

    /// Exact up to the last query, and one range for what comes after. Gaps shorter than a word of bits save a kernel nothing
    /// and are filled.
    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        if (rate - (q1 - q0) < BITS) {
            return KeyRanges.of(q0 + lowest(), q1 + highest());
        }
        long first = Math.max(q0 + lowest(), Math.floorMod(q0, rate) - (long) rate);
        return KeyRanges.periodic(first, q1 - q0, rate, q1).union(KeyRanges.of(q0 + (long) rate, q1 + highest()));
    }

    @Override
    public boolean isUniform(int heads) {
        return true;
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        long offset = (long) keys - queries;
        long from = Math.max(-(left == UNLIMITED ? Long.MAX_VALUE : left), -((keys - 1L) / rate));
        long to = Math.min(right == UNLIMITED ? Long.MAX_VALUE : right, (keys - 1L - Math.min(offset, 0)) / rate);
        long pairs = 0;
        for (long step = from; step <= to; step++) {
            long distance = step * rate;
            pairs += Math.max(0, Math.min(keys, keys - distance) - Math.max(offset, -distance));
        }
        return pairs;
    }

    @Override
    public Gathering gathering(int head) {
        return rate == 1 ? Gathering.NATURAL : new Gathering.Residues(rate);
    }

    @Override
    public AttentionPattern through(Gathered gathered) {
        return gathered.gathering().stride() % rate == 0
                ? gathered.distances(lowest(), highest())
                : AttentionPattern.super.through(gathered);
    }

    /// Two windows meet in a window, whose answers stay exact, if their steps are equal or one has steps of 1.
    @Override
    public AttentionPattern and(AttentionPattern other) {
        if (other instanceof Window window && (rate == 1 || window.rate == 1 || rate == window.rate)) {
            int step = Math.max(rate, window.rate);
            return new Window(
                    nearer(steps(left, step), window.steps(window.left, step)),
                    nearer(steps(right, step), window.steps(window.right, step)),
                    step);
        }
        return AttentionPattern.super.and(other);
    }

    private int steps(int side, int step) {
        return side == UNLIMITED || rate == step ? side : side / step;
    }

    private static int nearer(int a, int b) {
        if (a == UNLIMITED) {
            return b;
        }
        return b == UNLIMITED ? a : Math.min(a, b);
    }
}
