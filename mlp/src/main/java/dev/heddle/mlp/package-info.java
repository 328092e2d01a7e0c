/// What happens at each token by itself: feed-forward layers.
@NullMarked
package dev.heddle.mlp;

import org.jspecify.annotations.NullMarked;
