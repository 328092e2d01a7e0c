/// LongNet: attention that thins out with distance.
@NullMarked
package dev.heddle.attention.dilated;

import org.jspecify.annotations.NullMarked;
