package dev.heddle.attention.kernel;

/// What is added to the scaled (and capped) scores.
public sealed interface ScoreBias {
    /// Nothing.
    ScoreBias NONE = new None();

    /// Nothing is added.
    record None() implements ScoreBias {}

    /// One value per head and distance, `[H, N+M-1]` dense: the pair of query `i` (at `i' = i + M − N`) and key `j` gets
    /// element `(j − i') + (M − 1)`. Covers ALiBi and T5's relative bias.
    record Toeplitz(long address) implements ScoreBias {}

    /// One value per pair, `address + size·(b·batch + h·head + i·query + j·key)`; a stride of 0 broadcasts. `key` is 0
    /// or 1.
    record Dense(long address, long batch, long head, long query, long key) implements ScoreBias {
        long index(int b, int h, int i, int j) {
            return b * batch + h * head + i * query + j * key;
        }
    }
}
