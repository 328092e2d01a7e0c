package dev.heddle.core.catalog;

/// The sizes of the stack that a [StackPart] is chosen for.
///
/// @param width model width D
/// @param heads query heads
/// @param context longest sequence in tokens
public record StackSizes(int width, int heads, int context) {}
