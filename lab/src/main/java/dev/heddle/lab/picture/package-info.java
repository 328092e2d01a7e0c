/// Pictures: attention patterns of the catalogue's variants, and PNG files that say where they come from.
@NullMarked
package dev.heddle.lab.picture;

import org.jspecify.annotations.NullMarked;
