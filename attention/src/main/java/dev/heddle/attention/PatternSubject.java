package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.catalog.Subject;

/// A subject whose queries see the keys that a pattern allows, whatever the tokens hold: it can be drawn and its pairs
/// counted.
public interface PatternSubject extends Subject {
    /// The pattern over sequences of `length` tokens.
    AttentionPattern pattern(int length);

    /// Query heads; a pattern may differ from head to head.
    int heads();
}
