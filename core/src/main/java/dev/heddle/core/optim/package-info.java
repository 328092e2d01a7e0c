/// Optimisers, gradient clipping and learning-rate schedules.
@NullMarked
package dev.heddle.core.optim;

import org.jspecify.annotations.NullMarked;
