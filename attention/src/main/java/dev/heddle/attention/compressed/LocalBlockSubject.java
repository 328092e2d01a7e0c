package dev.heddle.attention.compressed;

import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.pattern.AttentionPattern;

import java.util.Map;

/// A [LocalBlockAttention], whose columns are the tokens themselves, so that its pattern can be drawn.
final class LocalBlockSubject extends TdmcaSubject implements PatternSubject {
    LocalBlockSubject(TdmcaLayer layer, Map<String, String> names, long parameters) {
        super(layer, names, parameters);
    }

    @Override
    public AttentionPattern pattern(int length) {
        return layer().pattern(length);
    }

    @Override
    public int heads() {
        return layer().heads();
    }
}
