/// Attention whose heads mix their scores and probabilities, pair by pair.
@NullMarked
package dev.heddle.attention.composed;

import org.jspecify.annotations.NullMarked;
