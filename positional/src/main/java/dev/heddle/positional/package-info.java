/// Where position enters a model: on embeddings, on queries and keys, or on scores.
@NullMarked
package dev.heddle.positional;

import org.jspecify.annotations.NullMarked;
