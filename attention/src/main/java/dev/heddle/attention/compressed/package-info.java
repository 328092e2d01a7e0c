/// The layers of T-DMCA: attention within blocks of tokens, and over a memory that a strided convolution compresses.
@NullMarked
package dev.heddle.attention.compressed;

import org.jspecify.annotations.NullMarked;
