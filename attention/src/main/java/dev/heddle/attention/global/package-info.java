/// Longformer: a window for all tokens, and a few that see and are seen by all.
@NullMarked
package dev.heddle.attention.global;

import org.jspecify.annotations.NullMarked;
