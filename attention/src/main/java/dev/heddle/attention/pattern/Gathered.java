package dev.heddle.attention.pattern;

import java.util.Arrays;

/// Tokens of one call in the order of a [Gathering]: place `p` of the queries holds the query at position `query(p)`, and
/// likewise for the keys. Places form runs, each with its tokens in rising order; only tokens of one run may form pairs.
public final class Gathered {
    private final Gathering gathering;
    private final int[] queries;
    private final int[] keys;
    private final int[] queryRuns;
    private final int[] keyRuns;

    private Gathered(Builder builder) {
        gathering = builder.gathering;
        queries = Arrays.copyOf(builder.queries, builder.queryCount);
        keys = Arrays.copyOf(builder.keys, builder.keyCount);
        queryRuns = Arrays.copyOf(builder.queryRuns, builder.runs + 1);
        keyRuns = Arrays.copyOf(builder.keyRuns, builder.runs + 1);
    }

    /// What asked for this order.
    public Gathering gathering() {
        return gathering;
    }

    /// Places of queries.
    public int queries() {
        return queries.length;
    }

    /// Places of keys.
    public int keys() {
        return keys.length;
    }

    /// The position of the query at a place.
    public int query(int place) {
        return queries[place];
    }

    /// The position of the key at a place.
    public int key(int place) {
        return keys[place];
    }

    /// The pairs of one run at distances `lowest ≤ key − query ≤ highest`, as a pattern over places.
    Intervals distances(long lowest, long highest) {
        int[] starts = new int[queries.length];
        int[] stops = new int[queries.length];
        for (int run = 0; run + 1 < queryRuns.length; run++) {
            int start = keyRuns[run];
            int stop = start;
            for (int p = queryRuns[run]; p < queryRuns[run + 1]; p++) {
                while (start < keyRuns[run + 1] && keys[start] - (long) queries[p] < lowest) {
                    start++;
                }
                stop = Math.max(stop, start);
                while (stop < keyRuns[run + 1] && keys[stop] - (long) queries[p] <= highest) {
                    stop++;
                }
                starts[p] = start;
                stops[p] = stop;
            }
        }
        return new Intervals(starts, stops);
    }

    /// Collects tokens run by run.
    public static final class Builder {
        private final Gathering gathering;
        private final int[] queries;
        private final int[] keys;
        private int[] queryRuns = new int[8];
        private int[] keyRuns = new int[8];
        private int queryCount;
        private int keyCount;
        private int runs;

        /// @param queries the most queries
        /// @param keys the most keys
        public Builder(Gathering gathering, int queries, int keys) {
            this.gathering = gathering;
            this.queries = new int[queries];
            this.keys = new int[keys];
        }

        /// The next query of the run, at a higher position than the one before.
        public Builder query(int position) {
            queries[queryCount++] = position;
            return this;
        }

        /// The next key of the run, at a higher position than the one before.
        public Builder key(int position) {
            keys[keyCount++] = position;
            return this;
        }

        /// What follows may not form pairs with what came.
        public Builder endRun() {
            runs++;
            if (runs == queryRuns.length) {
                queryRuns = Arrays.copyOf(queryRuns, 2 * runs);
                keyRuns = Arrays.copyOf(keyRuns, 2 * runs);
            }
            queryRuns[runs] = queryCount;
            keyRuns[runs] = keyCount;
            return this;
        }

        public Gathered build() {
            return new Gathered(this);
        }
    }
}
