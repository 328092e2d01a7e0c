package dev.heddle.benchmarks;

import org.openjdk.jmh.infra.BenchmarkParams;

import java.util.Map;
import java.util.TreeMap;

/// What a benchmark method measures, by the one convention that ties Heddle to its peers: in one class, `heddleForward`
/// and `torchForward` do the same work, the first word being who does it. Rows of the same class, rest of the name and
/// parameters are compared.
///
/// @param subject what is measured, as `AttentionBenchmark.forward`
/// @param who `heddle`, or the peer
record Name(String subject, String who, Map<String, String> parameters) {
    /// Who everything is compared for.
    static final String HEDDLE = "heddle";

    static Name of(BenchmarkParams benchmark) {
        Map<String, String> parameters = new TreeMap<>();
        benchmark.getParamsKeys().forEach(key -> parameters.put(key, benchmark.getParam(key)));
        return of(benchmark.getBenchmark(), parameters);
    }

    /// @param full package, class and method
    static Name of(String full, Map<String, String> parameters) {
        int methodAt = full.lastIndexOf('.');
        String method = full.substring(methodAt + 1);
        String type = full.substring(full.lastIndexOf('.', methodAt - 1) + 1, methodAt);
        int word = 0;
        while (word < method.length() && !Character.isUpperCase(method.charAt(word))) {
            word++;
        }
        String rest = method.substring(word);
        String subject = rest.isEmpty() ? type : type + "." + Character.toLowerCase(rest.charAt(0)) + rest.substring(1);
        return new Name(subject, method.substring(0, word), parameters);
    }

    /// The same work done by Heddle.
    Name byHeddle() {
        return new Name(subject, HEDDLE, parameters);
    }

    boolean isHeddle() {
        return who.equals(HEDDLE);
    }

    @Override
    public String toString() {
        return subject + " (" + who + ")" + (parameters.isEmpty() ? "" : " " + parameters);
    }
}
