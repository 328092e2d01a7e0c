package dev.heddle.attention.pattern;

import dev.heddle.core.error.ConfigException;

import java.util.List;

/// Another pattern for every head: head `h` takes pattern `h mod count`.
///
/// @param patterns in the order of the heads
public record PerHead(List<AttentionPattern> patterns) implements AttentionPattern {
    /// @throws ConfigException if there is no pattern
    public PerHead {
        patterns = List.copyOf(patterns);
        if (patterns.isEmpty()) {
            throw new ConfigException("patterns: none for any head; give one or more");
        }
    }

    private AttentionPattern of(int head) {
        return patterns.get(head % patterns.size());
    }

    @Override
    public boolean allows(int head, int query, int key) {
        return of(head).allows(head, query, key);
    }

    @Override
    public long bits(int head, int query, int key) {
        return of(head).bits(head, query, key);
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        return of(head).tile(head, q0, q1, k0, k1);
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return of(head).keys(head, q0, q1);
    }

    @Override
    public boolean isUniform(int heads) {
        AttentionPattern first = patterns.getFirst();
        return first.isUniform(heads) && patterns.stream().limit(heads).allMatch(first::equals);
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        return of(head).pairs(head, queries, keys);
    }

    @Override
    public List<AttentionPattern> terms(int head) {
        return of(head).terms(head);
    }

    @Override
    public Gathering gathering(int head) {
        return of(head).gathering(head);
    }

    @Override
    public AttentionPattern through(Gathered gathered) {
        return new PerHead(patterns.stream().map(pattern -> pattern.through(gathered)).toList());
    }
}
