package dev.heddle.core.catalog;

/// What a variant promises to cost for one sequence of N tokens. The audit holds it against the real thing.
///
/// @param parameters trained numbers
/// @param multiplyAdds multiply-adds of one forward pass over the sequence (matrix products and attention, as the
///     kernels report them)
/// @param stateElements numbers in the state after the whole sequence; 0 without a state
public record Cost(long parameters, long multiplyAdds, long stateElements) {}
