package dev.heddle.attention.pattern;

import java.util.List;
import java.util.stream.Stream;

/// Patterns made of patterns.
sealed interface Composite extends AttentionPattern {
    /// The most terms whose pairs are counted by inclusion and exclusion, which counts `2^terms − 1` patterns.
    int MOST_TERMS = 3;

    /// The pairs of a union. A term often knows its number, and terms together have fewer keys a row to go through than
    /// the union.
    private static long pairs(List<AttentionPattern> terms, int head, int queries, int keys) {
        AttentionPattern first = terms.getFirst();
        if (terms.size() == 1) {
            return first.pairs(head, queries, keys);
        }
        List<AttentionPattern> rest = terms.subList(1, terms.size());
        return first.pairs(head, queries, keys)
                + pairs(rest, head, queries, keys)
                - pairs(rest.stream().map(first::and).toList(), head, queries, keys);
    }

    record And(AttentionPattern a, AttentionPattern b) implements Composite {
        @Override
        public boolean allows(int head, int query, int key) {
            return a.allows(head, query, key) && b.allows(head, query, key);
        }

        @Override
        public long bits(int head, int query, int key) {
            return a.bits(head, query, key) & b.bits(head, query, key);
        }

        @Override
        public Tile tile(int head, int q0, int q1, int k0, int k1) {
            Tile first = a.tile(head, q0, q1, k0, k1);
            if (first == Tile.EMPTY) {
                return Tile.EMPTY;
            }
            Tile second = b.tile(head, q0, q1, k0, k1);
            return first == Tile.FULL || second == Tile.EMPTY ? second : Tile.PARTIAL;
        }

        @Override
        public KeyRanges keys(int head, int q0, int q1) {
            return a.keys(head, q0, q1).intersect(b.keys(head, q0, q1));
        }

        @Override
        public boolean isUniform(int heads) {
            return a.isUniform(heads) && b.isUniform(heads);
        }

        @Override
        public List<AttentionPattern> terms(int head) {
            List<AttentionPattern> left = a.terms(head);
            List<AttentionPattern> right = b.terms(head);
            return left.size() == 1 && right.size() == 1
                    ? List.of(this)
                    : left.stream().flatMap(x -> right.stream().map(x::and)).toList();
        }

        @Override
        public long pairs(int head, int queries, int keys) {
            List<AttentionPattern> terms = terms(head);
            return terms.size() == 1 || terms.size() > MOST_TERMS
                    ? Composite.super.pairs(head, queries, keys)
                    : Composite.pairs(terms, head, queries, keys);
        }

        @Override
        public Gathering gathering(int head) {
            Gathering first = a.gathering(head);
            Gathering second = b.gathering(head);
            if (first instanceof Gathering.Residues(int r) && second instanceof Gathering.Residues(int s)) {
                return Gathering.Residues.ofBoth(r, s);
            }
            return first.equals(Gathering.NATURAL) ? second : first;
        }

        @Override
        public AttentionPattern through(Gathered gathered) {
            return a.through(gathered).and(b.through(gathered));
        }
    }

    record Or(AttentionPattern a, AttentionPattern b) implements Composite {
        @Override
        public boolean allows(int head, int query, int key) {
            return a.allows(head, query, key) || b.allows(head, query, key);
        }

        @Override
        public long bits(int head, int query, int key) {
            return a.bits(head, query, key) | b.bits(head, query, key);
        }

        @Override
        public Tile tile(int head, int q0, int q1, int k0, int k1) {
            Tile first = a.tile(head, q0, q1, k0, k1);
            if (first == Tile.FULL) {
                return Tile.FULL;
            }
            Tile second = b.tile(head, q0, q1, k0, k1);
            return first == Tile.EMPTY || second == Tile.FULL ? second : Tile.PARTIAL;
        }

        @Override
        public KeyRanges keys(int head, int q0, int q1) {
            return a.keys(head, q0, q1).union(b.keys(head, q0, q1));
        }

        @Override
        public boolean isUniform(int heads) {
            return a.isUniform(heads) && b.isUniform(heads);
        }

        @Override
        public List<AttentionPattern> terms(int head) {
            return Stream.concat(a.terms(head).stream(), b.terms(head).stream()).toList();
        }

        @Override
        public long pairs(int head, int queries, int keys) {
            List<AttentionPattern> terms = terms(head);
            return terms.size() > MOST_TERMS
                    ? Composite.super.pairs(head, queries, keys)
                    : Composite.pairs(terms, head, queries, keys);
        }

        @Override
        public AttentionPattern through(Gathered gathered) {
            return a.through(gathered).or(b.through(gathered));
        }
    }

    record Not(AttentionPattern a) implements Composite {
        @Override
        public boolean allows(int head, int query, int key) {
            return !a.allows(head, query, key);
        }

        @Override
        public long bits(int head, int query, int key) {
            return ~a.bits(head, query, key);
        }

        @Override
        public Tile tile(int head, int q0, int q1, int k0, int k1) {
            return switch (a.tile(head, q0, q1, k0, k1)) {
                case EMPTY -> Tile.FULL;
                case FULL -> Tile.EMPTY;
                case PARTIAL -> Tile.PARTIAL;
            };
        }

        @Override
        public boolean isUniform(int heads) {
            return a.isUniform(heads);
        }

        @Override
        public long pairs(int head, int queries, int keys) {
            return (long) queries * keys - a.pairs(head, queries, keys);
        }

        @Override
        public AttentionPattern through(Gathered gathered) {
            return a.through(gathered).not();
        }

        @Override
        public AttentionPattern not() {
            return a;
        }
    }
}
