/// Multi-head latent attention: heads that are rebuilt from one small cached vector a token.
@NullMarked
package dev.heddle.attention.latent;

import org.jspecify.annotations.NullMarked;
