/// Files: safetensors in and out, and files that are replaced whole or not at all.
///
/// Everything read here is untrusted. A length is checked before it is used, and whatever is wrong with a file comes out
/// as a [dev.heddle.core.error.FileFormatException] that names it.
@NullMarked
package dev.heddle.core.file;

import org.jspecify.annotations.NullMarked;
