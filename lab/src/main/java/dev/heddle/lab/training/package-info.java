/// The training loop: batches, evaluation, checkpoints that resume to the same bits.
@NullMarked
package dev.heddle.lab.training;

import org.jspecify.annotations.NullMarked;
