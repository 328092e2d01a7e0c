/// Clustered attention: queries that are alike attend together.
@NullMarked
package dev.heddle.attention.clustered;

import org.jspecify.annotations.NullMarked;
