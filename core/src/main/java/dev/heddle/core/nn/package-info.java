/// Modules, parameters and the layers every model needs.
@NullMarked
package dev.heddle.core.nn;

import org.jspecify.annotations.NullMarked;
