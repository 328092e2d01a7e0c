package dev.heddle.attention.pattern;

/// A pattern seen through a gathering it knows nothing of: right, but every pair is asked for one by one.
record Placed(AttentionPattern pattern, Gathered gathered) implements AttentionPattern {
    @Override
    public boolean allows(int head, int query, int key) {
        return key >= 0 && key < gathered.keys() && pattern.allows(head, gathered.query(query), gathered.key(key));
    }
}
