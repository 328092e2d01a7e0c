package dev.heddle.benchmarks;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Window;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/// The patterns that [PatternBenchmark] times, by what a query may see in a sequence of some length.
enum Sparsity {
    CAUSAL(_ -> Patterns.causal()),
    LOCAL(_ -> Patterns.local(256).and(Patterns.causal())),
    DILATED(_ -> Patterns.local(256, 4).and(Patterns.causal())),
    ATROUS(length -> every(root(length))),
    SPARSE_SU(length -> Patterns.local(root(length)).or(every(root(length))).and(Patterns.causal()));

    private final IntFunction<AttentionPattern> pattern;

    Sparsity(IntFunction<AttentionPattern> pattern) {
        this.pattern = pattern;
    }

    /// The one of this id.
    static Sparsity of(String id) {
        return valueOf(id.replace('-', '_').toUpperCase(Locale.ROOT));
    }

    /// All of them, as a parameter of a benchmark names them.
    static List<String> ids() {
        return Arrays.stream(values()).map(Sparsity::id).toList();
    }

    String id() {
        return name().replace('_', '-').toLowerCase(Locale.ROOT);
    }

    AttentionPattern over(int length) {
        return pattern.apply(length);
    }

    /// The allowed pairs of all heads in self-attention.
    long pairs(int heads, int length) {
        AttentionPattern allowed = over(length);
        long pairs = 0;
        for (int head = 0; head < heads; head++) {
            pairs += allowed.pairs(head, length, length);
        }
        return pairs;
    }

    private static AttentionPattern every(int rate) {
        return new Window(Window.UNLIMITED, 0, rate);
    }

    // About the square root of the length, where local and far keys cost the same.
    private static int root(int length) {
        return (int) Math.round(Math.sqrt(length));
    }
}
