/// Variants trained side by side, measured, and reported.
@NullMarked
package dev.heddle.lab.compare;

import org.jspecify.annotations.NullMarked;
