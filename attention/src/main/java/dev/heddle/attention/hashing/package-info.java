/// Attention to keys that hash to the same bucket, and the reversible stack it was made for.
@NullMarked
package dev.heddle.attention.hashing;

import org.jspecify.annotations.NullMarked;
