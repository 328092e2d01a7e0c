package dev.heddle.attention.pattern;

/// Patterns made of patterns.
sealed interface Composite extends AttentionPattern {
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
        public AttentionPattern not() {
            return a;
        }
    }
}
