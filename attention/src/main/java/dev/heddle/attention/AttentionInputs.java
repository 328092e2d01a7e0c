package dev.heddle.attention;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

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

    private static void checkInput(String what, Tensor x, int width) {
        if (x.rank() != 3 || x.dim(2) != width || !x.dtype().isFloating()) {
            throw new ShapeException(what + ": found " + x + "; floating [B, tokens, " + width + "] is needed");
        }
    }

    void checkContext(Tensor x, Tensor context) {
        checkInput("context", context, contextWidth);
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

    void checkMask(Tensor source, @Nullable Tensor keyMask) {
        Shape needed = Shape.of(source.dim(0), source.dim(1));
        if (keyMask != null && (keyMask.dtype() != DType.BOOL || !keyMask.shape().equals(needed))) {
            throw new ShapeException(
                    "key_mask: found " + keyMask + "; BOOL" + needed + ", one for each key, is needed");
        }
    }

    void check(Tensor x) {
        checkInput("input", x, width);
    }
}
