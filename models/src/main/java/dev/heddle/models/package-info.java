/// Blocks and stacks of them, presets, checkpoints, tokenizers and generation.
@NullMarked
package dev.heddle.models;

import org.jspecify.annotations.NullMarked;
