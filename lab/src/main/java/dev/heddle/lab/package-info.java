/// The command line: training, comparing variants, reports.
@NullMarked
package dev.heddle.lab;

import org.jspecify.annotations.NullMarked;
