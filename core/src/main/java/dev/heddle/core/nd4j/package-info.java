/// The one place where ND4J arrays come in and go out.
@NullMarked
package dev.heddle.core.nd4j;

import org.jspecify.annotations.NullMarked;
