package dev.heddle.lab.compare;

import dev.heddle.attention.TokenMixer;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Variant;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A comparison that has a name: who takes part, and the sizes at which it tells something.
public enum Suite {
    /// Attention to fewer keys, beside causal attention: at a context where that makes a difference.
    PATTERNS(512, 2, 160) {
        @Override
        public List<String> contenders(Catalog catalog, StackSizes sizes) {
            List<String> names = new ArrayList<>(List.of("mha"));
            for (Variant variant : catalog.variants()) {
                if (variant.isSparse() && variant.part(sizes) instanceof TokenMixer.Factory) {
                    names.add(variant.id());
                }
            }
            return names;
        }
    };

    private final int context;
    private final int batch;
    private final int steps;

    Suite(int context, int batch, int steps) {
        this.context = context;
        this.batch = batch;
        this.steps = steps;
    }

    /// Who takes part, as names of contenders: whatever the catalogue has of the kind.
    ///
    /// @param sizes of the stack that they are to be part of
    public abstract List<String> contenders(Catalog catalog, StackSizes sizes);

    /// Tokens of a window.
    public int context() {
        return context;
    }

    /// Windows of a step.
    public int batch() {
        return batch;
    }

    /// Updates of each contender.
    public int steps() {
        return steps;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
