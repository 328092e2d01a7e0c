/// The compute floor: native memory, worker threads, BLAS and the fused kernels behind one interface with two providers.
@NullMarked
package dev.heddle.core.kernel;

import org.jspecify.annotations.NullMarked;
