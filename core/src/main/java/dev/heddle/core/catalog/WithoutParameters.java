package dev.heddle.core.catalog;

import dev.heddle.core.nn.Module;

/// What a [Subject] that trains nothing has for a module.
final class WithoutParameters extends Module {}
