/// Tensors, their memory and the autograd tape.
@NullMarked
package dev.heddle.core.tensor;

import org.jspecify.annotations.NullMarked;
