package dev.heddle.attention;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// What a [TokenMixer] lets in, tokens and a mask of them, and what such a mask means.
public final class MixerInputs {
    private MixerInputs() {}

    /// @throws ShapeException if `x` is not floating `[B, N, width]`
    public static void requireTokens(Tensor x, int width) {
        requireTokens("input", x, width);
    }

    /// @param name of the tokens
    /// @throws ShapeException if `x` is not floating `[B, N, width]`
    static void requireTokens(String name, Tensor x, int width) {
        if (x.rank() != 3 || x.dim(2) != width || !x.dtype().isFloating()) {
            throw new ShapeException(name + ": found " + x + "; floating [B, tokens, " + width + "] is needed");
        }
    }

    /// @param name of the mask
    /// @param mask one boolean for each token of `x`, or null
    /// @throws ShapeException if `mask` is not BOOL `[B, N]`
    public static void requireMask(String name, @Nullable Tensor mask, Tensor x) {
        requireMask(name, mask, x.dim(0), x.dim(1));
    }

    /// @param name of the mask
    /// @param mask one boolean for each of `tokens` tokens, or null
    /// @throws ShapeException if `mask` is not BOOL `[batch, tokens]`
    static void requireMask(String name, @Nullable Tensor mask, int batch, int tokens) {
        Shape needed = Shape.of(batch, tokens);
        if (mask != null && (mask.dtype() != DType.BOOL || !mask.shape().equals(needed))) {
            throw new ShapeException(name + ": found " + mask + "; BOOL" + needed + ", one for each token, is needed");
        }
    }

    /// The mask of an attention call that leaves out some keys of all queries: `[B, M]` → `[B, 1, 1, M]`.
    public static Tensor ofKeys(Tensor mask) {
        return mask.viewAs(Shape.of(mask.dim(0), 1, 1, mask.dim(1)));
    }

    /// `y` `[B, N, D]` with the rows of padded tokens 0; itself without a mask.
    public static Tensor zeroPadding(Tensor y, @Nullable Tensor keyMask) {
        return keyMask == null ? y : Layout.fillWhere(y, keyMask.viewAs(Shape.of(y.dim(0), y.dim(1), 1)), 0);
    }
}
