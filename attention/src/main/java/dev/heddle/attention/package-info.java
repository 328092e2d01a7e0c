/// Token mixers: how tokens exchange information.
@NullMarked
package dev.heddle.attention;

import org.jspecify.annotations.NullMarked;
