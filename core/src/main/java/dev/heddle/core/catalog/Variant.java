package dev.heddle.core.catalog;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/// One line of the catalogue: everything that is needed to build, test, measure and describe a variant.
public final class Variant {
    private final Builder facts;

    private Variant(Builder facts) {
        this.facts = facts;
    }

    /// Starts a catalogue line.
    ///
    /// @param id the id of its specification and golden files
    /// @param family the axis it is a choice on: `attention`, `position`, `feed-forward`, `norm`, `model` …
    public static Builder of(String id, String family) {
        return new Builder(id, family);
    }

    public String id() {
        return facts.id;
    }

    public String family() {
        return facts.family;
    }

    /// One line for people.
    public String summary() {
        return facts.summary;
    }

    /// Paper or implementation that is the ground truth.
    public String source() {
        return facts.source;
    }

    public Schema schema() {
        return facts.schema;
    }

    /// The kinds of forms it computes in; the first is PARALLEL.
    public Set<Form.Kind> forms() {
        return facts.forms;
    }

    /// True if a query scores only some of the keys that it could see: what this saves is the point of the variant.
    public boolean isSparse() {
        return facts.sparse;
    }

    /// Small configurations that between them reach every option: the suite, the audit and benchmarks run each.
    public List<Config> examples() {
        return facts.examples;
    }

    /// Builds the variant.
    ///
    /// @throws ConfigException if a key is unknown, missing or out of range
    public Subject build(Config config, Seed seed) {
        Config complete = schema().complete(id(), config);
        try {
            return facts.factory.apply(complete, seed);
        } catch (ArithmeticException e) {
            // Sizes are multiplied exactly wherever a layer derives one from others.
            throw new ConfigException(
                    id() + ": sizes of the config multiply to more than " + Integer.MAX_VALUE + "; use smaller ones",
                    e);
        }
    }

    /// The choice that makes a stack of the given sizes use this variant; null if a stack cannot.
    public @Nullable StackPart part(StackSizes sizes) {
        return facts.part.apply(sizes);
    }

    /// Collects the facts of a line.
    public static final class Builder {
        private final String id;
        private final String family;
        private String summary = "";
        private String source = "";
        private Schema schema = Schema.builder().build();
        private boolean sparse;
        private Set<Form.Kind> forms = EnumSet.of(Form.Kind.PARALLEL);
        private BiFunction<Config, Seed, Subject> factory;
        private Function<StackSizes, @Nullable StackPart> part = sizes -> null;
        private final List<Config> examples = new ArrayList<>();

        private Builder(String id, String family) {
            this.id = id;
            this.family = family;
            this.factory =
                    (config, seed) -> {
                        throw new ConfigException(id + ": the catalogue line has no factory");
                    };
        }

        public Builder summary(String text) {
            this.summary = text;
            return this;
        }

        public Builder source(String text) {
            this.source = text;
            return this;
        }

        public Builder schema(Schema.Builder keys) {
            this.schema = keys.build();
            return this;
        }

        /// Says that a query scores only some of the keys that it could see.
        public Builder sparse() {
            this.sparse = true;
            return this;
        }

        /// Forms besides PARALLEL.
        public Builder forms(Form.Kind... kinds) {
            this.forms = EnumSet.of(Form.Kind.PARALLEL, kinds);
            return this;
        }

        /// How a complete configuration becomes a [Subject].
        public Builder factory(BiFunction<Config, Seed, Subject> build) {
            this.factory = build;
            return this;
        }

        /// How a stack uses the variant.
        public Builder part(Function<StackSizes, @Nullable StackPart> choice) {
            this.part = choice;
            return this;
        }

        /// A small configuration in JSON that tests and benchmarks run.
        public Builder example(String json) {
            this.examples.add(Config.parse(json));
            return this;
        }

        public Variant build() {
            return new Variant(this);
        }
    }
}
