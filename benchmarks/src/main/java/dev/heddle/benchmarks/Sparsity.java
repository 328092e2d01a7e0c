package dev.heddle.benchmarks;

import dev.heddle.attention.block.BigBirdAdjacency;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.attention.pattern.LeadingTokens;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.tensor.Seed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;

/// The patterns that [PatternBenchmark] times, by what a query may see in a sequence of some length. Sizes are those of the
/// papers where they name some; `sparse-su` and `atrous-root` are the thinnest that there are, of about √N keys a query.
enum Sparsity {
    CAUSAL(_ -> Patterns.causal()),
    LOCAL(_ -> Patterns.local(256).and(Patterns.causal())),
    DILATED(_ -> Patterns.local(256, 4).and(Patterns.causal())),
    ATROUS(_ -> every(16)),
    ATROUS_ROOT(length -> every(root(length))),
    SPARSE_SU(length -> Patterns.local(root(length)).or(every(root(length))).and(Patterns.causal())),
    STRIDED(_ -> Patterns.strided(128)),
    FIXED(_ -> Patterns.fixed(128, 32, 4)),
    BLOCK_SPARSE(length -> randomBlocks(length).and(Patterns.causal())),
    BIGBIRD(Sparsity::bigBird),
    LONGFORMER(_ -> Patterns.local(256).or(new LeadingTokens(16))),
    LONGNET(_ -> new DilatedSegments(8192, 4, AttentionOperands.HEADS, DilatedSegments.Offset.CONTIGUOUS, true));

    private static final int BLOCK = 64;
    private static final int BLOCKS_IN_ROW = 8;

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

    // A block sees itself and 7 of those before it.
    private static BlockLayout randomBlocks(int length) {
        List<BitSet[]> heads = new ArrayList<>();
        RandomGenerator random = Seed.of(BLOCK).generator();
        for (int head = 0; head < AttentionOperands.HEADS; head++) {
            BitSet[] rows = new BitSet[Math.ceilDiv(length, BLOCK)];
            for (int row = 0; row < rows.length; row++) {
                rows[row] = new BitSet();
                rows[row].set(row);
                while (rows[row].cardinality() < Math.min(BLOCKS_IN_ROW, row + 1)) {
                    rows[row].set(random.nextInt(row));
                }
            }
            heads.add(rows);
        }
        return BlockLayout.of(BLOCK, heads);
    }

    private static BlockLayout bigBird(int length) {
        BigBirdAdjacency adjacency = new BigBirdAdjacency(3, 3, List.of(0, -1), true);
        int blocks = Math.max(adjacency.fewestBlocks(), Math.ceilDiv(length, BLOCK));
        return adjacency.layout(BLOCK, blocks, adjacency.draw(AttentionOperands.HEADS, blocks, Seed.of(BLOCK)));
    }

    // About the square root of the length, where local and far keys cost the same.
    private static int root(int length) {
        return (int) Math.round(Math.sqrt(length));
    }
}
