/// The attention core `(q, k, v, pattern, bias, mask) → (y, lse)`: a materialised reference in double, a tiled exact
/// kernel on the Vector API, and a path of its own for one query at a time.
@NullMarked
package dev.heddle.attention.kernel;

import org.jspecify.annotations.NullMarked;
