package dev.heddle.attention.latent;

import dev.heddle.core.error.ConfigException;
import dev.heddle.positional.Rope;
import dev.heddle.positional.RopeScaling;

/// DeepSeek's use of YaRN: both the change of the rotary frequencies and the factor `μ²` on the scores, with
/// `μ = 0.1·mscale·ln(factor) + 1`, switch on only where the longest sequence is longer than those trained on.
///
/// Source: deepseek-ai/DeepSeek-V3 `inference/model.py`, `precompute_freqs_cis` and `MLA`. (Other code puts μ on cosines
/// and sines; it is the same only if every column of a head rotates.)
///
/// @param maxLength the longest sequence in tokens; later positions are refused
/// @param originalLength the length trained on
/// @param factor new length over old length, 1 or more
/// @param betaFast turns in the original length above which a pair keeps its frequency
/// @param betaSlow turns below which a pair is interpolated
/// @param mscale weight of the factor in μ
public record LongContext(
        int maxLength, int originalLength, double factor, double betaFast, double betaSlow, double mscale) {
    /// @throws ConfigException if a length is less than 1, the factor less than 1, the betas are out of order or mscale
    ///     is not finite
    public LongContext {
        if (maxLength < 1) {
            throw new ConfigException(
                    "max_seq_len: " + maxLength + " is less than 1; use the longest sequence in tokens");
        }
        if (originalLength < 1) {
            throw new ConfigException(
                    "original_seq_len: " + originalLength + " is less than 1; use the length the model was trained on");
        }
        if (!(factor >= 1 && factor < Double.POSITIVE_INFINITY)) {
            throw new ConfigException(
                    "rope_factor: " + factor + " is not 1 or more; use max_seq_len / original_seq_len");
        }
        if (!Double.isFinite(mscale)) {
            throw new ConfigException("mscale: " + mscale + " is not a finite number; use 1");
        }
        yarn(originalLength, factor, betaFast, betaSlow);
    }

    /// DeepSeek's usual choice: betas 32 and 1, mscale 1.
    public static LongContext of(int maxLength, int originalLength, double factor) {
        return new LongContext(maxLength, originalLength, factor, 32, 1, 1);
    }

    /// Whether there is anything to extend.
    public boolean isExtended() {
        return maxLength > originalLength;
    }

    /// μ², by which the scores are multiplied; 1 if nothing is extended.
    public double scoreFactor() {
        double magnitude = isExtended() ? RopeScaling.Yarn.magnitude(factor, mscale) : 1;
        return magnitude * magnitude;
    }

    /// A rotary embedding with the frequencies of this context.
    Rope.Spec extend(Rope.Spec rotary) {
        return isExtended() ? rotary.scaling(yarn(originalLength, factor, betaFast, betaSlow)) : rotary;
    }

    // Only the frequencies: its own factor on cosines and sines is 1.
    private static RopeScaling yarn(int originalLength, double factor, double betaFast, double betaSlow) {
        return new RopeScaling.Yarn(factor, originalLength, betaFast, betaSlow, 1);
    }
}
