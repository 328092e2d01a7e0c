package dev.heddle.attention.clustered;

import dev.heddle.core.nn.Module;

/// Clustered attention trains nothing.
final class WithoutParameters extends Module {}
