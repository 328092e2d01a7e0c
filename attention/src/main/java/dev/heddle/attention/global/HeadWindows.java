package dev.heddle.attention.global;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.attention.pattern.Tile;
import dev.heddle.attention.pattern.Window;

import java.util.List;

/// A window of its own for each head.
record HeadWindows(List<Window> windows) implements AttentionPattern {
    @Override
    public boolean allows(int head, int query, int key) {
        return windows.get(head).allows(head, query, key);
    }

    @Override
    public long bits(int head, int query, int key) {
        return windows.get(head).bits(head, query, key);
    }

    @Override
    public Tile tile(int head, int q0, int q1, int k0, int k1) {
        return windows.get(head).tile(head, q0, q1, k0, k1);
    }

    @Override
    public KeyRanges keys(int head, int q0, int q1) {
        return windows.get(head).keys(head, q0, q1);
    }

    @Override
    public long pairs(int head, int queries, int keys) {
        return windows.get(head).pairs(head, queries, keys);
    }
}
