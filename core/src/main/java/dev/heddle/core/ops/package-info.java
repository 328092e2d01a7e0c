/// Differentiable operations on tensors, grouped by what they do.
@NullMarked
package dev.heddle.core.ops;

import org.jspecify.annotations.NullMarked;
