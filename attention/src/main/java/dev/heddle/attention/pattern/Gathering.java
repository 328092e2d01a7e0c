package dev.heddle.attention.pattern;

import java.math.BigInteger;

/// A choice and an order of tokens under which the pairs of a pattern lie side by side, so that a kernel meets dense tiles
/// where the pattern itself is scattered. Gatherings are values: heads whose patterns ask for equal ones share one.
public interface Gathering {
    /// All tokens in their own order.
    Gathering NATURAL = new Natural();

    /// The tokens of a call with `queries` queries at the positions `keys − queries … keys − 1` and keys at
    /// `0 … keys − 1`.
    Gathered gather(int queries, int keys);

    /// A number that divides every distance between tokens of one run.
    default int stride() {
        return 1;
    }

    /// See [#NATURAL].
    record Natural() implements Gathering {
        @Override
        public Gathered gather(int queries, int keys) {
            var gathered = new Gathered.Builder(this, queries, keys);
            for (int p = keys - queries; p < keys; p++) {
                gathered.query(p);
            }
            for (int p = 0; p < keys; p++) {
                gathered.key(p);
            }
            return gathered.endRun().build();
        }
    }

    /// Tokens whose positions leave the same rest when divided by `rate` stand together.
    ///
    /// @param rate 1 or more
    record Residues(int rate) implements Gathering {
        /// Runs in which all distances are multiples of both.
        static Residues ofBoth(int a, int b) {
            int divisor = BigInteger.valueOf(a).gcd(BigInteger.valueOf(b)).intValue();
            long multiple = (long) a / divisor * b;
            return new Residues((int) Math.min(Integer.MAX_VALUE, multiple));
        }

        @Override
        public Gathered gather(int queries, int keys) {
            var gathered = new Gathered.Builder(this, queries, keys);
            int first = keys - queries;
            int origin = Math.min(0, first);
            for (int start = origin; start < origin + Math.min(rate, Math.max(queries, keys)); start++) {
                for (long p = (long) first + Math.floorMod((long) start - first, rate); p < keys; p += rate) {
                    gathered.query((int) p);
                }
                for (long p = Math.floorMod(start, rate); p < keys; p += rate) {
                    gathered.key((int) p);
                }
                gathered.endRun();
            }
            return gathered.build();
        }

        @Override
        public int stride() {
            return rate;
        }
    }

    /// All queries, and the keys whose position in their period lies in `from … to − 1`.
    ///
    /// @param period 1 or more
    record Columns(int period, int from, int to) implements Gathering {
        @Override
        public Gathered gather(int queries, int keys) {
            var gathered = new Gathered.Builder(this, queries, keys);
            for (int p = keys - queries; p < keys; p++) {
                gathered.query(p);
            }
            for (int p = 0; p < keys; p++) {
                if (p % period >= from && p % period < to) {
                    gathered.key(p);
                }
            }
            return gathered.endRun().build();
        }
    }
}
