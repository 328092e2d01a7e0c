package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

import java.util.stream.IntStream;

/// Columns that every later query sees, a group of them in each segment of `l` positions: query `i` of head `h` sees key
/// `j ≤ i` iff `l − (h'+1)·c ≤ j mod l < l − h'·c`, with `h' = h mod V`.
///
/// The second of the two steps of the Sparse Transformer's fixed pattern. Source: arXiv 1904.10509 §4.3.
///
/// @param stride length of a segment, l
/// @param width columns of a group, c
/// @param groups groups that heads take in turn, the first at the end of the segment, V
public record SummaryColumns(int stride, int width, int groups) implements AttentionPattern {
    /// @throws ConfigException if a size is below 1 or the groups do not fit into a segment
    public SummaryColumns {
        Patterns.requirePositive("stride", stride);
        Patterns.requirePositive("groups", groups);
        if (width < 1 || (long) width * groups > stride) {
            throw new ConfigException(
                    "summary: "
                            + groups
                            + " groups of "
                            + width
                            + " columns in a segment of "
                            + stride
                            + "; use 1 to "
                            + Math.max(1, stride / groups)
                            + " columns");
        }
    }

    // The group's first column inside a segment.
    private int low(int head) {
        return stride - (head % groups + 1) * width;
    }

    // Columns of the group before a position.
    private long before(int low, long position) {
        long segment = Math.floorDiv(position, stride);
        return segment * width + Math.clamp(position - segment * stride - low, 0, width);
    }

    // The sum of the positions of those columns, for positions from 0 on.
    private long sumBefore(int low, long position) {
        long segments = position / stride;
        long starts = segments * (segments - 1) / 2 * stride * width;
        long rest = Math.clamp(position - segments * stride - low, 0, width);
        return starts + segments * run(low, width) + run(segments * stride + low, rest);
    }

    // first + (first + 1) + …
    private static long run(long first, long count) {
        return first * count + count * (count - 1) / 2;
    }

    @Override
    public boolean allows(int head, int query, int key) {
        int column = Math.floorMod(key, stride) - low(head);
        return key <= query && column >= 0 && column < width;
    }

    @Override
    public long bits(int head, int query, int key) {
        long bits = 0;
        int low = low(head);
        for (long column = (long) Math.floorDiv(key, stride) * stride + low - key; column < BITS; column += stride) {
            int from = (int) Math.max(0, column);
            bits |= AttentionPattern.firstBits((int) (column + width)) & ~AttentionPattern.firstBits(from);
        }
        return bits & AttentionPattern.firstBits(Math.clamp((long) query - key + 1, 0, BITS));
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        int low = low(head);
        long seen = before(low, Math.min(k1, q1)) - before(low, k0);
        if (k0 >= q1 || seen == 0) {
            return Tile.EMPTY;
        }
        return seen == k1 - k0 && k1 - 1 <= q0 ? Tile.FULL : Tile.PARTIAL;
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return KeyRanges.periodic(low(head), width, stride, q1);
    }

    @Override
    public boolean isUniform(int heads) {
        return Math.min(groups, heads) == 1;
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        int low = low(head);
        int first = Math.max(0, keys - queries);
        long early = before(low, first);
        long late = before(low, keys) - early;
        return early * Math.min(queries, keys) + late * keys - (sumBefore(low, keys) - sumBefore(low, first));
    }

    @Override
    public Gathering gathering(int head) {
        return width == stride ? Gathering.NATURAL : new Gathering.Columns(stride, low(head), low(head) + width);
    }

    /// Among the columns of a head's own group a query sees all up to itself, among those of another group none.
    @Override
    public AttentionPattern through(Gathered gathered) {
        if (!(gathered.gathering() instanceof Gathering.Columns(int period, int from, int to))
                || period != stride
                || to - from != width
                || (stride - to) % width != 0) {
            return AttentionPattern.super.through(gathered);
        }
        AttentionPattern own = Patterns.causal().through(gathered);
        AttentionPattern none = Patterns.full().not();
        return new PerHead(IntStream.range(0, groups).mapToObj(head -> low(head) == from ? own : none).toList());
    }
}
