/// JMH benchmarks: Heddle beside its peers in one run. Each checks its result before it reports a speed.
@NullMarked
package dev.heddle.benchmarks;

import org.jspecify.annotations.NullMarked;
