package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.tensor.Tensor;

/// A subject whose queries see the keys that a pattern allows, whatever the tokens hold: it can be drawn and its pairs
/// counted.
public interface PatternSubject extends Subject {
    /// The pattern over sequences of `length` tokens.
    AttentionPattern pattern(int length);

    /// Query heads; a pattern may differ from head to head.
    int heads();

    /// A pattern written out: BOOL `[heads, tokens, tokens]`, rows are queries.
    static Tensor mask(AttentionPattern pattern, int heads, int tokens) {
        return WrittenOut.mask(pattern, heads, tokens, tokens);
    }
}
