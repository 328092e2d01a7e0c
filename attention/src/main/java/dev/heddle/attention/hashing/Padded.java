package dev.heddle.attention.hashing;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/// Sequences followed by zero vectors.
///
/// @param batch sequences, B
/// @param length tokens, N
/// @param padded tokens with the zero vectors, N'
record Padded(int batch, int length, int padded) {
    /// `[B, N, …]` → `[B, N', …]`.
    Tensor extend(Tensor x) {
        return padded == length
                ? x
                : Layout.concatenate(1, x, Tensor.zeros(x.dtype(), x.shape().with(1, padded - length)));
    }

    /// `[B, N', …]` → `[B, N, …]`.
    Tensor cut(Tensor x) {
        return padded == length ? x : Layout.slice(x, 1, 0, length);
    }

    /// Which tokens are real, `[B, N']` BOOL; null if all are.
    ///
    /// @param real `[B, N]` BOOL, or null if all are
    @Nullable Tensor mask(@Nullable Tensor real) {
        if (padded == length) {
            return real;
        }
        boolean[] given = real == null ? new boolean[0] : real.toBooleans();
        boolean[] mask = new boolean[batch * padded];
        for (int b = 0; b < batch; b++) {
            if (real == null) {
                Arrays.fill(mask, b * padded, b * padded + length, true);
            } else {
                System.arraycopy(given, b * length, mask, b * padded, length);
            }
        }
        return Tensor.of(mask, batch, padded);
    }
}
