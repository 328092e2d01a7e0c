package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.error.ConfigException;

import org.jspecify.annotations.Nullable;

/// One attention call without its tensors: the score of a pair is `t = scale·q·k`, `t = softcap·tanh(t/softcap)` if
/// `softcap > 0`, `t = t + bias`, and −∞ where the pattern or the mask forbids the pair.
///
/// @param shape the sizes
/// @param pattern which keys a query may see
/// @param scale of the dot products
/// @param softcap bound of the scores, 0 for none
/// @param bias what is added
/// @param mask further restricts the pattern, or null
public record AttentionCall(
        AttentionShape shape,
        AttentionPattern pattern,
        double scale,
        double softcap,
        ScoreBias bias,
        @Nullable PairMask mask) {
    /// @throws ConfigException if the scale is not finite or the softcap negative or not finite
    public AttentionCall {
        if (!Double.isFinite(scale)) {
            throw new ConfigException(
                    "scale: " + scale + " is not a finite number; use 1/sqrt(width) or another value");
        }
        if (!(softcap >= 0) || Double.isInfinite(softcap)) {
            throw new ConfigException("softcap: " + softcap + " is not a bound; use 0 for none, or a positive value");
        }
    }

    /// A call with the usual scale `1/√Dh`, no softcap, no bias, no mask.
    public static AttentionCall of(AttentionShape shape, AttentionPattern pattern) {
        return new AttentionCall(shape, pattern, 1 / Math.sqrt(shape.width()), 0, ScoreBias.NONE, null);
    }
}
