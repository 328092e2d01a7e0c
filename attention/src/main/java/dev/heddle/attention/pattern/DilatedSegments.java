package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

import java.util.stream.IntStream;

/// Dilated attention inside segments: the sequence is cut into segments, of each of which a head keeps every `rate`-th
/// position, and kept positions of one segment see each other. Query `i` sees key `j` iff
/// `⌊i/w⌋ = ⌊j/w⌋` and `(i mod w) mod r = (j mod w) mod r = o_h`. Source: LongNet, arXiv 2307.02486 §2.2.
///
/// @param segment positions in a segment, `w`
/// @param rate distance between kept positions, `r`
/// @param heads heads that share out the offsets, `H`
/// @param offset the rule by which they do
/// @param causal whether keys after a query are left out
/// @param start the place of key 0 in its segment: 0, unless keys before it were dropped
public record DilatedSegments(int segment, int rate, int heads, Offset offset, boolean causal, int start)
        implements AttentionPattern {

    /// Where in a segment a head starts: its `o`.
    public enum Offset {
        /// Neighbouring heads share an offset, `⌊h / ⌈H/r⌉⌋`: the published code.
        CONTIGUOUS {
            @Override
            public int of(int head, int heads, int rate) {
                return head / ((heads + rate - 1) / rate);
            }
        },
        /// Neighbouring heads differ, `h mod r`: the paper.
        MODULO {
            @Override
            public int of(int head, int heads, int rate) {
                return head % rate;
            }
        };

        /// The offset of a head, `0..rate-1`.
        public abstract int of(int head, int heads, int rate);
    }

    /// @throws ConfigException if a size is below 1, the rate exceeds the segment, or `start` is outside it
    public DilatedSegments {
        if (segment < 1 || rate < 1 || heads < 1) {
            throw new ConfigException(
                    "dilated segments: length " + segment + ", rate " + rate + ", heads " + heads + "; use 1 or more");
        }
        if (rate > segment) {
            throw new ConfigException(
                    "dilation_rates: rate " + rate + " exceeds its segment of " + segment + "; use 1.." + segment);
        }
        if (start < 0 || start >= segment) {
            throw new ConfigException("start: " + start + " is outside a segment; use 0.." + (segment - 1));
        }
    }

    /// Segments that begin with key 0.
    public DilatedSegments(int segment, int rate, int heads, Offset offset, boolean causal) {
        this(segment, rate, heads, offset, causal, 0);
    }

    /// The same pattern where the keys before `position` have been dropped: that position is key 0.
    public DilatedSegments from(int position) {
        return new DilatedSegments(
                segment, rate, heads, offset, causal, Math.floorMod((long) start + position, segment));
    }

    private int offset(int head) {
        return offset.of(head, heads, rate);
    }

    /// The first position of the segment that holds `position`.
    private long base(long position) {
        return Math.floorDiv(position + start, segment) * (long) segment - start;
    }

    private boolean keeps(int offset, long position) {
        return (position - base(position)) % rate == offset;
    }

    /// The first kept position at or after `position`.
    private long next(int offset, long position) {
        long base = base(position);
        long next = base + offset + Math.ceilDiv(Math.max(0, position - base - offset), rate) * (long) rate;
        return next < base + segment ? next : base + segment + offset;
    }

    /// The last kept position of a segment before `stop`; before the segment if there is none.
    private long last(int offset, long base, long stop) {
        long end = Math.min(stop, base + segment);
        return base + offset + Math.floorDiv(end - 1 - base - offset, rate) * (long) rate;
    }

    /// How many positions of a segment before `stop` are kept.
    private long count(int offset, long base, long stop) {
        long end = Math.min(stop, base + segment);
        return Math.max(0, Math.ceilDiv(end - base - offset, (long) rate));
    }

    @Override
    public boolean allows(int head, int query, int key) {
        int o = offset(head);
        return base(query) == base(key) && keeps(o, query) && keeps(o, key) && (!causal || key <= query);
    }

    @Override
    public long bits(int head, int query, int key) {
        int o = offset(head);
        if (!keeps(o, query)) {
            return 0;
        }
        long base = base(query);
        long stop = Math.min(Math.min(base + segment, causal ? query + 1L : Long.MAX_VALUE), (long) key + BITS);
        long first = next(o, Math.max(base, key)) - key;
        long end = stop - key;
        if (first >= end) {
            return 0;
        }
        if (rate == 1) {
            return (-1L << first) & (-1L >>> (BITS - end));
        }
        long bits = 0;
        for (long t = first; t < end; t += rate) {
            bits |= 1L << t;
        }
        return bits;
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        long base = Math.max(base(q0), base(k0));
        long lastBase = Math.min(base(q1 - 1L), base(k1 - 1L));
        if (rate == 1 && base(q0) == base(q1 - 1L) && base(k0) == base(k1 - 1L) && base == lastBase) {
            if (!causal || k1 - 1 <= q0) {
                return Tile.FULL;
            }
        }
        int o = offset(head);
        for (; base <= lastBase; base += segment) {
            if (touches(o, base, q0, q1, k0, k1)) {
                return Tile.PARTIAL;
            }
        }
        return Tile.EMPTY;
    }

    private boolean touches(int o, long base, int q0, int q1, int k0, int k1) {
        long query = last(o, base, q1);
        long key = next(o, Math.max(base, k0));
        return query >= Math.max(base, q0) && key < Math.min(base + segment, k1) && (!causal || key <= query);
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        int o = offset(head);
        long first = next(o, q0);
        if (first >= q1) {
            return KeyRanges.NONE;
        }
        return KeyRanges.of(base(first) + o, causal ? q1 : base(q1 - 1L) + segment);
    }

    @Override
    public boolean isUniform(int count) {
        return IntStream.range(1, count).allMatch(head -> offset(head) == offset(0));
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        int o = offset(head);
        long offset = (long) keys - queries;
        long pairs = 0;
        for (long base = base(Math.max(offset, 0)); base < keys; base += segment) {
            long before = count(o, base, Math.max(base, 0));
            long stop = count(o, base, keys);
            long from = count(o, base, Math.max(base, causal ? Math.max(offset, 0) : offset));
            long seen = causal ? from + 1 + stop - 2 * before : 2 * (stop - before);
            pairs += Math.max(0, stop - from) * seen / 2;
        }
        return pairs;
    }

    @Override
    public Gathering gathering(int head) {
        return rate == 1 ? Gathering.NATURAL : new Kept(this, offset(head));
    }

    @Override
    public AttentionPattern through(Gathered gathered) {
        return gathered.gathering() instanceof Kept kept && kept.pattern.equals(this)
                ? gathered.distances(Long.MIN_VALUE, causal ? 0 : Long.MAX_VALUE)
                : AttentionPattern.super.through(gathered);
    }

    /// The kept positions of a head, a run for each segment.
    private record Kept(DilatedSegments pattern, int offset) implements Gathering {
        @Override
        public Gathered gather(int queries, int keys) {
            var gathered = new Gathered.Builder(this, queries, keys);
            int first = keys - queries;
            for (long base = pattern.base(Math.min(first, 0)); base < keys; base += pattern.segment) {
                long end = Math.min(base + pattern.segment, keys);
                for (long p = base + offset; p < end; p += pattern.rate) {
                    if (p >= first) {
                        gathered.query((int) p);
                    }
                    if (p >= 0) {
                        gathered.key((int) p);
                    }
                }
                gathered.endRun();
            }
            return gathered.build();
        }

        @Override
        public int stride() {
            return pattern.rate;
        }
    }
}
