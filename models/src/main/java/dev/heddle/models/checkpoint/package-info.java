/// Models on disk.
@NullMarked
package dev.heddle.models.checkpoint;

import org.jspecify.annotations.NullMarked;
