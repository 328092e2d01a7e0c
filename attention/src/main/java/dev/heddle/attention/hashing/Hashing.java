package dev.heddle.attention.hashing;

import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.lang.ref.Reference;
import java.util.List;

/// Angular locality-sensitive hashing: vectors that point the same way fall into the same bucket. With `z = x·rotation`,
/// the bucket is the place of the largest entry of `[z, −z]`, the first one of several. Gradients stop here.
///
/// Source: Andoni et al. 2015, arXiv 1509.02897; arXiv 2001.04451 §2.
public final class Hashing {
    /// Vectors hashed at once: enough for the matrix product, few enough to bound memory.
    private static final int BLOCK = 2048;

    private static final int ROWS_OF_TASK = 64;

    private Hashing() {}

    /// Random rotations, `[sets, D, R, buckets/2]`: standard Gaussian numbers.
    ///
    /// @param sets 1 if all heads and sequences share them, otherwise their number B·H
    /// @param buckets of a round; even
    static Tensor rotations(int sets, int width, int rounds, int buckets, DType dtype, Seed seed) {
        return Initialiser.normal(1)
                .create(Shape.of(sets, width, rounds, buckets / 2), seed.split(buckets))
                .cast(dtype);
    }

    /// The buckets of every vector, `[B, H, R, N]` I32; those of round r are numbered from `r·buckets` on.
    ///
    /// @param x `[B, N, H, D]`, or `[B, H, N, D]` in head-major layout
    /// @param rotations `[1 or B·H, D, R, buckets/2]`
    /// @throws ShapeException if they do not fit
    public static Tensor buckets(Tensor x, Tensor rotations, AttentionOptions.Layout layout) {
        boolean tokenMajor = layout == AttentionOptions.Layout.TOKEN_MAJOR;
        requireFit(x, rotations, tokenMajor ? 2 : 1);
        Hash hash = new Hash(x, rotations, tokenMajor);
        Tensor buckets = Tensor.uninitialised(DType.I32, x.dim(0), hash.heads, hash.rounds, hash.tokens);
        for (int head = 0; head < x.dim(0) * hash.heads; head++) {
            for (int from = 0; from < hash.tokens; from += BLOCK) {
                hash.block(head, from, Math.min(BLOCK, hash.tokens - from), buckets.address());
            }
        }
        Reference.reachabilityFence(List.of(x, rotations));
        return buckets;
    }

    private static void requireFit(Tensor x, Tensor rotations, int heads) {
        boolean fits =
                x.rank() == 4
                        && rotations.rank() == 4
                        && x.dtype().isFloating()
                        && rotations.dtype() == x.dtype()
                        && rotations.dim(1) == x.dim(3)
                        && rotations.dim(2) >= 1
                        && rotations.dim(3) >= 1
                        && (rotations.dim(0) == 1 || rotations.dim(0) == x.dim(0) * x.dim(heads));
        if (!fits) {
            throw new ShapeException(
                    "rotations: found "
                            + rotations
                            + " for vectors "
                            + x
                            + "; [1 or B·H, D, rounds, buckets/2] of the same type is needed");
        }
    }

    private static final class Hash {
        final Tensor x;
        final Tensor rotations;
        final boolean tokenMajor;
        final int heads;
        final int tokens;
        final int width;
        final int rounds;
        final int half;

        Hash(Tensor x, Tensor rotations, boolean tokenMajor) {
            this.x = x;
            this.rotations = rotations;
            this.tokenMajor = tokenMajor;
            heads = x.dim(tokenMajor ? 2 : 1);
            tokens = x.dim(tokenMajor ? 1 : 2);
            width = x.dim(3);
            rounds = rotations.dim(2);
            half = rotations.dim(3);
        }

        /// Some vectors of one head.
        void block(int head, int from, int count, long buckets) {
            int columns = rounds * half;
            long bytes = x.dtype().bytes();
            try (Scope _ = Scope.open()) {
                Tensor z = Tensor.uninitialised(x.dtype(), count, columns);
                long row = tokenMajor ? (long) head / heads * tokens * heads + head % heads : (long) head * tokens;
                int stride = tokenMajor ? heads : 1;
                long first = x.address() + bytes * width * (row + (long) from * stride);
                long set = rotations.dim(0) == 1 ? 0 : (long) head * width * columns;
                x.dtype()
                        .blas()
                        .gemm(
                                false,
                                false,
                                count,
                                columns,
                                width,
                                1,
                                first,
                                stride * width,
                                rotations.address() + bytes * set,
                                columns,
                                0,
                                z.address(),
                                columns);
                WorkMeter.add((long) count * columns * width);
                Parallel.ranges(
                        count,
                        ROWS_OF_TASK,
                        (start, stop) -> {
                            for (long t = start; t < stop; t++) {
                                for (int round = 0; round < rounds; round++) {
                                    int bucket = 2 * half * round + largest(z, t * columns + (long) round * half);
                                    long at = ((long) head * rounds + round) * tokens + from + t;
                                    Native.setInt(buckets + Integer.BYTES * at, bucket);
                                }
                            }
                        });
            }
        }

        // Of equal magnitudes the first positive one wins: the positive half comes first.
        private int largest(Tensor z, long at) {
            boolean isDouble = z.dtype() == DType.F64;
            double most = -1;
            boolean positive = true;
            int place = 0;
            for (int n = 0; n < half; n++) {
                double value =
                        isDouble
                                ? Native.getDouble(z.address() + Double.BYTES * (at + n))
                                : Native.getFloat(z.address() + Float.BYTES * (at + n));
                double size = Math.abs(value);
                if (size > most || (size == most && !positive && value > 0)) {
                    most = size;
                    positive = value >= 0;
                    place = n;
                }
            }
            return positive ? place : half + place;
        }
    }
}
