/// Benchmarks of the kernels beside PyTorch, OpenBLAS called directly and a plain read of the same bytes.
@NullMarked
package dev.heddle.benchmarks.kernel;

import org.jspecify.annotations.NullMarked;
