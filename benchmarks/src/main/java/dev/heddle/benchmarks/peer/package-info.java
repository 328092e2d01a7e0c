/// What Heddle is measured against: the official PyTorch build, called through DJL.
@NullMarked
package dev.heddle.benchmarks.peer;

import org.jspecify.annotations.NullMarked;
