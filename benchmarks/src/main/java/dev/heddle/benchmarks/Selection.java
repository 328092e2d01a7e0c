package dev.heddle.benchmarks;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;

import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// The benchmarks that a request names, and the values of their parameters.
final class Selection {
    /// What is driven by the catalogue: nobody else's figures lie beside it.
    private static final String OF_THE_CATALOGUE = ".Catalog";

    /// The sizes of a survey, by parameter.
    private static final Map<String, String> USUAL =
            Map.of("length", "1024", "context", "8192", "shape", "512x512x512", "size", "2048");

    private final Request request;
    private final SortedSet<BenchmarkListEntry> found;

    private Selection(Request request, SortedSet<BenchmarkListEntry> found) {
        this.request = request;
        this.found = found;
    }

    static Selection of(Request request, OutputFormat log) throws UsageException {
        List<String> expressions = request.jmh().getIncludes();
        var found = BenchmarkList.defaultList().find(log, expressions, request.jmh().getExcludes());
        if (found.isEmpty()) {
            throw new UsageException(
                    "no benchmark matches " + String.join(" ", expressions) + "; -l lists all of them");
        }
        return new Selection(request, found);
    }

    /// One benchmark method with one value for each of its parameters.
    record Case(BenchmarkListEntry entry, Map<String, String> parameters) {
        Name name() {
            return Name.of(entry.getUsername(), parameters);
        }

        /// Leaves nothing but this case to be run.
        void choose(ChainedOptionsBuilder options) {
            // A name would be included beside what the request includes, so all others are excluded.
            options.exclude("^(?!" + Pattern.quote(entry.getUsername()) + "$)");
            parameters.forEach(options::param);
        }
    }

    /// All cases, those of Heddle and its peers with the same parameters directly behind each other: the speed of a
    /// machine with other work drifts, and only what ran within seconds can be compared.
    List<Case> cases() {
        Map<Name, List<Case>> comparable = new LinkedHashMap<>();
        for (BenchmarkListEntry entry : chosen()) {
            for (Map<String, String> parameters : combinations(entry)) {
                Case one = new Case(entry, parameters);
                comparable.computeIfAbsent(one.name().byHeddle(), _ -> new ArrayList<>()).add(one);
            }
        }
        Comparator<Case> heddleFirst = Comparator.comparing(one -> !one.name().isHeddle());
        return comparable.values().stream().flatMap(beside -> beside.stream().sorted(heddleFirst)).toList();
    }

    private List<BenchmarkListEntry> chosen() {
        return found.stream()
                .filter(entry -> !request.isSurvey() || !entry.getUsername().contains(OF_THE_CATALOGUE))
                .toList();
    }

    private List<Map<String, String>> combinations(BenchmarkListEntry entry) {
        List<Map<String, String>> combinations = List.of(Map.of());
        for (var parameter : parameters(entry).entrySet()) {
            combinations =
                    combinations.stream()
                            .flatMap(
                                    known ->
                                            parameter.getValue().stream()
                                                    .map(value -> with(known, parameter.getKey(), value)))
                            .toList();
        }
        return combinations;
    }

    private static Map<String, String> with(Map<String, String> known, String name, String value) {
        Map<String, String> all = new TreeMap<>(known);
        all.put(name, value);
        return all;
    }

    private Map<String, List<String>> parameters(BenchmarkListEntry entry) {
        Map<String, List<String>> parameters = new TreeMap<>();
        entry.getParams()
                .orElse(Map.of())
                .forEach((name, annotated) -> parameters.put(name, values(name, List.of(annotated))));
        return parameters;
    }

    // JMH's annotation can give neither the ids of the catalogue nor more values than those of the quick profile.
    private List<String> values(String parameter, List<String> annotated) {
        var asked = request.jmh().getParameter(parameter);
        if (asked.hasValue()) {
            return List.copyOf(asked.get());
        }
        String usual = USUAL.get(parameter);
        if (request.isSurvey() && usual != null) {
            return List.of(annotated.contains(usual) ? usual : annotated.getFirst());
        }
        return switch (parameter) {
            case "variant" -> variants(_ -> true);
            case "trained" -> variants(Selection::trains);
            case "sparsity" -> request.full() ? Sparsity.ids() : annotated;
            case "context" -> request.full() ? texts(PatternBenchmark.CONTEXTS) : annotated;
            case "maskedContext" -> request.full() ? texts(PatternPeerBenchmark.CONTEXTS) : annotated;
            default -> annotated;
        };
    }

    private static List<String> variants(Predicate<Variant> choice) {
        return Catalog.load().variants().stream().filter(choice).map(Variant::id).toList();
    }

    private static boolean trains(Variant variant) {
        return !variant.examples().isEmpty()
                && variant.build(variant.examples().getFirst(), Seed.of(0)).trains(Form.PARALLEL);
    }

    private static List<String> texts(int[] values) {
        return Arrays.stream(values).mapToObj(String::valueOf).toList();
    }

    /// The names of all that match, a line each.
    Collection<String> names() {
        return found.stream().map(BenchmarkListEntry::getUsername).toList();
    }

    /// The names of what would run, each with its parameters below it, as `  length = 512, 1024`.
    Collection<String> namesWithParameters() {
        List<String> lines = new ArrayList<>();
        for (BenchmarkListEntry entry : chosen()) {
            lines.add(entry.getUsername());
            parameters(entry).forEach((name, values) -> lines.add("  " + name + " = " + String.join(", ", values)));
        }
        return lines;
    }
}
