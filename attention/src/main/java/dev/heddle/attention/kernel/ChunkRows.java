package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

/// What the chunks gather, one token after the other: all of a token's vectors side by side, each padded to whole vectors,
/// and behind them its numbers. Tokens are gathered in the order of their hashes, once in every round, and every place
/// that has to be looked up costs more than what is read there.
final class ChunkRows {
    /// Where the numbers stand: the inverse of the norm, whether all vectors are free of NaN and infinity, the log-sum-exp
    /// in units of log 2, and `Σ_d dy·y`.
    private static final int NUMBERS = 16;

    private static final int INVERSE_NORM = 0;
    private static final int FINITE = 1;
    private static final int LOG_SUM = 2;
    private static final int DELTA = 3;

    private final long tokens;
    private final int width;
    private final int padded;
    private final int vectors;
    private final long bytes;
    private final Tensor memory;

    /// @param vectors of a token: query, value and, in the backward pass, output gradient
    ChunkRows(SortedChunks chunks, int width, int vectors) {
        this.tokens = chunks.tokens();
        this.width = width;
        this.vectors = vectors;
        padded = Lanes.padded(width);
        int floats = vectors * padded + NUMBERS;
        bytes = (long) Float.BYTES * floats;
        memory = Tensor.uninitialised(DType.F32, chunks.batch() * chunks.heads(), chunks.tokens(), floats);
    }

    /// Takes in a token.
    ///
    /// @param lanes room for a vector
    /// @param sources addresses of its vectors
    void fill(float[] lanes, int head, int token, long... sources) {
        boolean finite = true;
        for (int n = 0; n < vectors; n++) {
            finite &= PackedTiles.copyRow(sources[n], vector(head, token, n), width);
        }
        double norm = Math.sqrt(RowMath.dot(sources[0], sources[0], width, lanes));
        set(head, token, INVERSE_NORM, (float) (1 / Math.max(norm, ReferenceChunks.LEAST_NORM)));
        set(head, token, FINITE, finite ? 1 : 0);
    }

    /// Takes in what the backward pass needs of a token's softmax.
    ///
    /// @param lse −∞ for a query that sees only itself
    void softmax(int head, int token, float lse, float delta) {
        // The powers of a query that sees only itself become 2^(t − ∞) = 0.
        boolean alone = lse == Float.NEGATIVE_INFINITY;
        set(head, token, LOG_SUM, alone ? Float.POSITIVE_INFINITY : lse * Lanes.LOG2_E);
        set(head, token, DELTA, delta);
    }

    private void set(int head, int token, int number, float value) {
        Native.setFloat(vector(head, token, vectors) + (long) Float.BYTES * number, value);
    }

    private float get(int head, int token, int number) {
        return Native.getFloat(vector(head, token, vectors) + (long) Float.BYTES * number);
    }

    /// The address of a vector of padded width.
    long vector(int head, int token, int number) {
        return memory.address() + bytes * (head * tokens + token) + (long) Float.BYTES * number * padded;
    }

    float inverseNorm(int head, int token) {
        return get(head, token, INVERSE_NORM);
    }

    boolean isFinite(int head, int token) {
        return get(head, token, FINITE) != 0;
    }

    float logSum(int head, int token) {
        return get(head, token, LOG_SUM);
    }

    float delta(int head, int token) {
        return get(head, token, DELTA);
    }
}
