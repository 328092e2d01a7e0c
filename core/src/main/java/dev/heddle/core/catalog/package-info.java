/// The catalogue: every variant once, with everything that tests, benchmarks and commands need to run it.
@NullMarked
package dev.heddle.core.catalog;

import org.jspecify.annotations.NullMarked;
