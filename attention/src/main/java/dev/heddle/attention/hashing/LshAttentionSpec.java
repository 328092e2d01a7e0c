package dev.heddle.attention.hashing;

import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.AttentionOptions.Layout;
import dev.heddle.attention.kernel.SortedChunks;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;

import java.util.Optional;

/// What LSH attention is made from; immutable, every choice makes a new one.
///
/// @param heads H
/// @param bucketSize tokens in a chunk, m: what a bucket holds on average
/// @param rounds of hashing, R
/// @param rules which pairs of a chunk count
/// @param rotationsPerHead every head of every sequence draws rotations of its own
/// @param paddedLength the length that every sequence is padded to; 0 for the next multiple of 2·m
/// @param fullBelow sequences shorter than this are attended in full; 0 for none
/// @param initialiser how the projections' weights are drawn
/// @param position on the vectors that are queries and keys in one; empty for none
public record LshAttentionSpec(
        int heads,
        int bucketSize,
        int rounds,
        SortedChunks.Rules rules,
        boolean rotationsPerHead,
        int paddedLength,
        int fullBelow,
        Initialiser initialiser,
        Optional<QueryKeyPosition.Factory> position)
        implements TokenMixer.Positionable {
    /// @throws ConfigException if a size is not positive, or the padded length no multiple of two buckets
    public LshAttentionSpec {
        require("num_heads", heads, 1);
        require("bucket_size", bucketSize, 1);
        require("num_hashes", rounds, 1);
        require("padded_length", paddedLength, 0);
        require("full_below", fullBelow, 0);
        if (paddedLength % (2L * bucketSize) != 0) {
            throw new ConfigException(
                    "padded_length: "
                            + paddedLength
                            + " is no multiple of two buckets of "
                            + bucketSize
                            + "; use for example "
                            + (paddedLength / (2L * bucketSize) + 1) * 2 * bucketSize);
        }
        if (position.isPresent() && !(position.get() instanceof Rope.Spec)) {
            throw new ConfigException(
                    "position: this one may differ on queries and keys, which are one here; use a Rope");
        }
    }

    private static void require(String what, int value, int least) {
        if (value < least) {
            throw new ConfigException(what + ": " + value + " is less than " + least + "; use " + least + " or more");
        }
    }

    /// Causal attention in four rounds with buckets of 64 tokens.
    ///
    /// @throws ConfigException if `heads` is less than 1
    public static LshAttentionSpec of(int heads) {
        SortedChunks.Rules rules = new SortedChunks.Rules(true, true, true);
        return new LshAttentionSpec(heads, 64, 4, rules, false, 0, 0, Initialiser.normal(0.02), Optional.empty());
    }

    /// With another bucket size.
    public LshAttentionSpec bucketSize(int tokens) {
        return new LshAttentionSpec(
                heads, tokens, rounds, rules, rotationsPerHead, paddedLength, fullBelow, initialiser, position);
    }

    /// With another number of rounds.
    public LshAttentionSpec rounds(int count) {
        return new LshAttentionSpec(
                heads, bucketSize, count, rules, rotationsPerHead, paddedLength, fullBelow, initialiser, position);
    }

    /// With other rules.
    public LshAttentionSpec rules(SortedChunks.Rules other) {
        return new LshAttentionSpec(
                heads, bucketSize, rounds, other, rotationsPerHead, paddedLength, fullBelow, initialiser, position);
    }

    /// With rotations of its own for every head of every sequence, or shared ones.
    public LshAttentionSpec rotationsPerHead(boolean wanted) {
        return new LshAttentionSpec(
                heads, bucketSize, rounds, rules, wanted, paddedLength, fullBelow, initialiser, position);
    }

    /// With sequences padded to this length; 0 for the next multiple of two buckets.
    public LshAttentionSpec paddedLength(int tokens) {
        return new LshAttentionSpec(
                heads, bucketSize, rounds, rules, rotationsPerHead, tokens, fullBelow, initialiser, position);
    }

    /// Sequences of fewer tokens see every key (under the same rules of causality and padding) without hashing, which is
    /// faster for short ones: below some 2,000 tokens hashing does not pay. The layer computes another function then, so
    /// this is off (0) unless asked for.
    public LshAttentionSpec fullBelow(int tokens) {
        return new LshAttentionSpec(
                heads, bucketSize, rounds, rules, rotationsPerHead, paddedLength, tokens, initialiser, position);
    }

    /// With other first weights.
    public LshAttentionSpec initialiser(Initialiser other) {
        return new LshAttentionSpec(
                heads, bucketSize, rounds, rules, rotationsPerHead, paddedLength, fullBelow, other, position);
    }

    /// With a position on queries and keys. They are one vector, hashed as it is rotated: the hash is to find keys of high
    /// scores.
    ///
    /// @throws ConfigException if it is no rotation, and so may treat queries and keys differently
    @Override
    public LshAttentionSpec position(QueryKeyPosition.Factory choice) {
        return new LshAttentionSpec(
                heads,
                bucketSize,
                rounds,
                rules,
                rotationsPerHead,
                paddedLength,
                fullBelow,
                initialiser,
                Optional.of(choice));
    }

    @Override
    public boolean knowsPositions() {
        return position.isPresent();
    }

    /// Makes the layer for a model width.
    ///
    /// @throws ConfigException if the heads do not divide the width
    public LshAttention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    @Override
    public LshAttention create(int width, double residualScale, Seed seed) {
        return new LshAttention(this, width, residualScale, seed);
    }

    /// Whether a sequence of this many tokens is attended in full; see [#fullBelow(int)].
    public boolean isFull(int length) {
        return length < fullBelow;
    }

    /// The length that a sequence is padded to: with an even number of buckets.
    ///
    /// @throws ShapeException if it is longer than the padded length that was chosen
    public int padded(int length) {
        if (isFull(length)) {
            return length + length % 2;
        }
        if (paddedLength == 0) {
            long pair = 2L * bucketSize;
            long tokens = Math.ceilDiv(length, pair) * pair;
            if (tokens > Integer.MAX_VALUE) {
                throw new ShapeException(
                        "length: "
                                + length
                                + " tokens padded to two buckets of "
                                + bucketSize
                                + " are more than a tensor can hold; use smaller buckets");
            }
            return (int) tokens;
        }
        if (length > paddedLength) {
            throw new ShapeException(
                    "length: "
                            + length
                            + " tokens are more than the padded length "
                            + paddedLength
                            + "; choose it longer");
        }
        return paddedLength;
    }

    /// Sorts the tokens by the hash of their vectors.
    ///
    /// @param qk `[B, N, H, D]`, or head-major; N must be a multiple of 2·m, unless it is attended in full
    /// @param length tokens before padding
    /// @param rotations `[1 or B·H, D, R, N/m/2]`, or null to draw them
    /// @param keyMask `[B, N]` BOOL, or null
    SortedChunks sort(
            Tensor qk, int length, @Nullable Tensor rotations, @Nullable Tensor keyMask, Layout layout, Seed seed) {
        int tokens = qk.dim(layout == Layout.TOKEN_MAJOR ? 1 : 2);
        if (isFull(length)) {
            // Two chunks that see each other: every key once.
            Tensor one = Tensor.zeros(DType.I32, qk.dim(0), heads, 1, tokens);
            return SortedChunks.of(one, tokens / 2, rules, keyMask);
        }
        SortedChunks.requireWhole(tokens, bucketSize);
        Tensor drawn = rotations == null ? draw(qk, tokens / bucketSize, seed) : rotations;
        if (drawn.rank() != 4 || drawn.dim(2) != rounds || 2 * drawn.dim(3) != tokens / bucketSize) {
            throw new ShapeException(
                    "rotations: found "
                            + drawn
                            + "; "
                            + tokens
                            + " tokens in buckets of "
                            + bucketSize
                            + " need [1 or B·H, D, "
                            + rounds
                            + ", "
                            + tokens / bucketSize / 2
                            + "]");
        }
        return SortedChunks.of(Hashing.buckets(qk, drawn, layout), bucketSize, rules, keyMask);
    }

    private Tensor draw(Tensor qk, int buckets, Seed seed) {
        int sets = rotationsPerHead ? Math.multiplyExact(qk.dim(0), heads) : 1;
        return Hashing.rotations(sets, qk.dim(3), rounds, buckets, qk.dtype(), seed);
    }

    /// Multiply-adds of hashing and attending for one sequence.
    long multiplyAdds(int length, int headWidth) {
        long tokens = padded(length);
        long each = (long) heads * headWidth * tokens;
        return isFull(length) ? 2 * each * tokens : each * rounds * (4L * bucketSize + tokens / bucketSize / 2);
    }
}
