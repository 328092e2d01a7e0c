package dev.heddle.lab.compare;

import dev.heddle.lab.training.History;

import org.jspecify.annotations.Nullable;

import java.util.List;

/// What a comparison found out about one variant.
///
/// @param variant its id
/// @param summary one line for people
/// @param stack the choices of the stack that was trained
/// @param parameters trained numbers
/// @param validationLoss nats a character, over the whole validation text
/// @param bitsPerCharacter the same in bits
/// @param trainingTokensPerSecond by the median step of the second half
/// @param prefillTokensPerSecond at the context trained with
/// @param decodeTokensPerSecond at the context trained with; null if the model does not go token by token
/// @param cacheBytesPerToken of the largest decode state up to the context trained with; null if there is none
/// @param peakBytes most tensor memory held at once in training
/// @param pairs scored at the context trained with; null where the content of the tokens decides, or there are none
/// @param trainingLosses of every step
/// @param evaluations validation losses on the way, over the windows that the run says
/// @param lengths speed and memory against context length
record VariantResult(
        String variant,
        String summary,
        String stack,
        long parameters,
        double validationLoss,
        double bitsPerCharacter,
        double trainingTokensPerSecond,
        double prefillTokensPerSecond,
        @Nullable Double decodeTokensPerSecond,
        @Nullable Double cacheBytesPerToken,
        long peakBytes,
        @Nullable Pairs pairs,
        List<Double> trainingLosses,
        List<History.Point> evaluations,
        List<LengthPoint> lengths) {
    /// The same figures under another name, of a variant that is the same stack.
    VariantResult named(String otherVariant, String otherSummary) {
        return new VariantResult(
                otherVariant,
                otherSummary,
                stack,
                parameters,
                validationLoss,
                bitsPerCharacter,
                trainingTokensPerSecond,
                prefillTokensPerSecond,
                decodeTokensPerSecond,
                cacheBytesPerToken,
                peakBytes,
                pairs,
                trainingLosses,
                evaluations,
                lengths);
    }
}
