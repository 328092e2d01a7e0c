package dev.heddle.benchmarks;

import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/// What a query-key pair costs under each [Sparsity], from times that are figures of milliseconds and the like.
final class PairTimes {
    private static final String SPARSITY = "sparsity";

    private final Map<Name, Double> times = new HashMap<>();

    void add(Name name, double time) {
        if (name.parameters().containsKey(SPARSITY)) {
            times.put(name, time);
        }
    }

    /// The time of a pair, 1 being that of causal attention over as many tokens by the same hand; null if one of the two
    /// was not measured.
    @Nullable Double relative(Name name) {
        Map<String, String> parameters = new TreeMap<>(name.parameters());
        parameters.put(SPARSITY, Sparsity.CAUSAL.id());
        Double time = times.get(name);
        Double causal = times.get(new Name(name.subject(), name.who(), parameters));
        return time == null || causal == null ? null : time / pairs(name.parameters()) * pairs(parameters) / causal;
    }

    private static double pairs(Map<String, String> parameters) {
        String context = parameters.getOrDefault("context", parameters.get("maskedContext"));
        String sparsity = parameters.get(SPARSITY);
        if (context == null || sparsity == null) {
            throw new IllegalStateException("pairs: no context or sparsity among " + parameters);
        }
        return Sparsity.of(sparsity).pairs(AttentionOperands.HEADS, Integer.parseInt(context));
    }
}
