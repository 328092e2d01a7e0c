/// Attention between blocks of tokens: DeepSpeed's layouts, BigBird, and the patterns of the Sparse Transformer.
@NullMarked
package dev.heddle.attention.block;

import org.jspecify.annotations.NullMarked;
