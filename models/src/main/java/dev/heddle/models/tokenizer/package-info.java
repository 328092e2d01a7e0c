/// Text to tokens and back.
@NullMarked
package dev.heddle.models.tokenizer;

import org.jspecify.annotations.NullMarked;
