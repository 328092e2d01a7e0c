/// What Heddle throws: one family, each message saying what was asked, what was found and what would work.
@NullMarked
package dev.heddle.core.error;

import org.jspecify.annotations.NullMarked;
