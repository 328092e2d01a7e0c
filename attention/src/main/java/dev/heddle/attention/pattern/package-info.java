/// Attention patterns: which key a query may see, and which tiles of scores a kernel may skip.
@NullMarked
package dev.heddle.attention.pattern;

import org.jspecify.annotations.NullMarked;
