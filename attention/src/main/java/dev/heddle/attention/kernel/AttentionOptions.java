package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// How [ScaledDotProduct] attends.
///
/// @param pattern which keys a query may see
/// @param scale of the dot products; null for `1/√Dh`
/// @param softcap bound `c` of the scores, `c·tanh(t/c)`; 0 for none
/// @param bias added to the scores, or null
/// @param mask BOOL, true = may attend, broadcastable to `[B, H, N, M]`, or null
/// @param layout how heads lie in the tensors
public record AttentionOptions(
        AttentionPattern pattern,
        @Nullable Double scale,
        double softcap,
        @Nullable AttentionBias bias,
        @Nullable Tensor mask,
        Layout layout) {

    /// The order of a tensor's axes.
    public enum Layout {
        /// `[B, N, H, D]`: a free reshape of a projection.
        TOKEN_MAJOR,
        /// `[B, H, N, D]`.
        HEAD_MAJOR
    }

    /// A pattern, and nothing else, on token-major tensors.
    public static AttentionOptions of(AttentionPattern pattern) {
        return new AttentionOptions(pattern, null, 0, null, null, Layout.TOKEN_MAJOR);
    }

    /// With another scale.
    public AttentionOptions scaled(double newScale) {
        return new AttentionOptions(pattern, newScale, softcap, bias, mask, layout);
    }

    /// With scores bounded by `cap`.
    public AttentionOptions capped(double cap) {
        return new AttentionOptions(pattern, scale, cap, bias, mask, layout);
    }

    /// With a bias.
    public AttentionOptions biased(AttentionBias newBias) {
        return new AttentionOptions(pattern, scale, softcap, newBias, mask, layout);
    }

    /// With a mask.
    public AttentionOptions masked(Tensor newMask) {
        return new AttentionOptions(pattern, scale, softcap, bias, newMask, layout);
    }

    /// With another layout.
    public AttentionOptions laidOut(Layout newLayout) {
        return new AttentionOptions(pattern, scale, softcap, bias, mask, newLayout);
    }
}
