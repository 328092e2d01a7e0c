package dev.heddle.attention;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Tensor;

/// What an [Attention] lets in.
///
/// @param width of the model
/// @param contextWidth of what keys and values are projected from
record AttentionInputs(AttentionSpec spec, int width, int contextWidth) {
    void refuseUnexpectedContext(Tensor context) {
        if (!spec.isCross()) {
            throw new InputException(
                    "context: given to self-attention; call forward(x), or choose contextWidth("
                            + (context.rank() == 3 ? context.dim(2) : width)
                            + ") for cross-attention");
        }
    }

    void refuseMissingContext() {
        if (spec.isCross()) {
            throw new InputException(
                    "context: missing; this attention reads its keys from a context of width "
                            + contextWidth
                            + ", call forward(x, context, keyMask)");
        }
    }

    void checkContext(Tensor x, Tensor context) {
        MixerInputs.requireTokens("context", context, contextWidth);
        if (context.dim(0) != x.dim(0)) {
            throw new ShapeException(
                    "context: "
                            + context.shape()
                            + " and input "
                            + x.shape()
                            + " differ in batch; it must be the same");
        }
        if (context.dim(1) < x.dim(1) && !spec.deadRows && spec.isCausal()) {
            throw new InputException(
                    "context: "
                            + x.dim(1)
                            + " causal queries over "
                            + context.dim(1)
                            + " keys leave the first "
                            + (x.dim(1) - context.dim(1))
                            + " without any; use Patterns.full(), or accept them with acceptingDeadRows()");
        }
    }
}
