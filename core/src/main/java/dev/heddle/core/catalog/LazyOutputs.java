package dev.heddle.core.catalog;

import static java.util.Objects.requireNonNull;

import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/// Named outputs of a [Subject], some of which are only computed when somebody looks at them: what a golden file may want
/// to see (every score of an attention layer) should not be paid for by a benchmark.
///
/// [#keySet] and [#containsKey] compute nothing.
public final class LazyOutputs extends AbstractMap<String, Tensor> {
    private final Map<String, Supplier<Tensor>> suppliers = new LinkedHashMap<>();
    private final Map<String, Tensor> computed = new LinkedHashMap<>();

    /// Adds an output that is there already.
    public LazyOutputs with(String name, Tensor output) {
        computed.put(name, output);
        return with(name, () -> output);
    }

    /// Adds an output that is computed once, when it is asked for.
    public LazyOutputs with(String name, Supplier<Tensor> output) {
        suppliers.put(name, output);
        return this;
    }

    @Override
    public boolean containsKey(@Nullable Object name) {
        return suppliers.containsKey(name);
    }

    @Override
    public @Nullable Tensor get(@Nullable Object name) {
        return name instanceof String text && containsKey(text) ? output(text) : null;
    }

    private Tensor output(String name) {
        Tensor output = computed.get(name);
        if (output == null) {
            output = requireNonNull(suppliers.get(name)).get();
            computed.put(name, output);
        }
        return output;
    }

    @Override
    public Set<String> keySet() {
        return Collections.unmodifiableSet(suppliers.keySet());
    }

    @Override
    public Set<Entry<String, Tensor>> entrySet() {
        return new AbstractSet<>() {
            @Override
            public Iterator<Entry<String, Tensor>> iterator() {
                Iterator<String> names = suppliers.keySet().iterator();
                return new Iterator<>() {
                    @Override
                    public boolean hasNext() {
                        return names.hasNext();
                    }

                    @Override
                    public Entry<String, Tensor> next() {
                        String name = names.next();
                        return Map.entry(name, output(name));
                    }
                };
            }

            @Override
            public int size() {
                return suppliers.size();
            }
        };
    }
}
