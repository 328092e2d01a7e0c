/// Text to train on: where it comes from, what it is made of, how it is split.
@NullMarked
package dev.heddle.lab.corpus;

import org.jspecify.annotations.NullMarked;
