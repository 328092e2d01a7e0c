/// What the lab finds around it: the machine, and the terminal that shows progress.
@NullMarked
package dev.heddle.lab.environment;

import org.jspecify.annotations.NullMarked;
