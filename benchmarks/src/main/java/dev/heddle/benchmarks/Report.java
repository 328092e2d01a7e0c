package dev.heddle.benchmarks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Parallel;

import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The figures of a run with their ratios to the peers, one row for Heddle and each peer.
final class Report {
    private final List<Row> rows;

    private Report(List<Row> rows) {
        this.rows = rows;
    }

    /// @param heddle Heddle's figures, round by round
    /// @param peer null if the benchmark has none
    /// @param theirs the peer's figures
    /// @param perPair for attention under a sparse pattern: the time of a query-key pair, relative to one of causal
    ///     attention over as many tokens
    record Row(
            String benchmark,
            Map<String, String> params,
            Scores heddle,
            @Nullable String peer,
            @Nullable Scores theirs,
            @Nullable Double perPair) {
        /// How many times as fast as the peer Heddle is, round by round.
        @Nullable List<Double> ratios() {
            return theirs == null ? null : heddle.ratios(theirs);
        }

        /// The median of the rounds' ratios.
        @Nullable Double ratio() {
            List<Double> ratios = ratios();
            return ratios == null ? null : Scores.median(ratios);
        }

        Map<String, @Nullable Object> json() {
            Map<String, @Nullable Object> json = new LinkedHashMap<>();
            json.put("benchmark", benchmark);
            json.put("params", params);
            json.put("score", heddle.median());
            json.put("unit", heddle.unit());
            json.put("peer", peer);
            json.put("peer_score", theirs == null ? null : theirs.median());
            json.put("ratio", ratio());
            json.put("per_pair", perPair);
            json.put("scores", heddle.rounds());
            json.put("peer_scores", theirs == null ? null : theirs.rounds());
            json.put("ratios", ratios());
            return json;
        }
    }

    /// @param results of all rounds, one round after the other
    static Report of(Collection<RunResult> results) {
        Map<Name, Scores> byName = new LinkedHashMap<>();
        for (RunResult result : results) {
            Result<?> primary = result.getPrimaryResult();
            byName.computeIfAbsent(Name.of(result.getParams()), _ -> new Scores(primary.getScoreUnit()))
                    .add(primary.getScore());
        }
        return of(byName);
    }

    static Report of(Map<Name, Scores> byName) {
        PairTimes times = new PairTimes();
        byName.forEach((name, scores) -> times.add(name, scores.median()));
        List<Row> rows = new ArrayList<>();
        byName.forEach(
                (name, ours) -> {
                    if (name.isHeddle()) {
                        List<Row> beside = new ArrayList<>();
                        byName.forEach(
                                (other, theirs) -> {
                                    if (!other.isHeddle() && other.byHeddle().equals(name)) {
                                        beside.add(row(name, ours, other.who(), theirs, times));
                                    }
                                });
                        rows.addAll(beside.isEmpty() ? List.of(row(name, ours, null, null, times)) : beside);
                    }
                });
        return new Report(rows);
    }

    private static Row row(Name name, Scores ours, @Nullable String peer, @Nullable Scores theirs, PairTimes times) {
        return new Row(name.subject(), name.parameters(), ours, peer, theirs, times.relative(name));
    }

    List<Row> rows() {
        return rows;
    }

    /// For people at a terminal.
    String table() {
        List<List<String>> cells = new ArrayList<>();
        cells.add(headings());
        rows.forEach(row -> cells.add(cells(row)));
        int[] widths = new int[cells.getFirst().size()];
        cells.forEach(
                line -> {
                    for (int i = 0; i < widths.length; i++) {
                        widths[i] = Math.max(widths[i], line.get(i).length());
                    }
                });
        StringBuilder text = new StringBuilder();
        for (List<String> line : cells) {
            StringBuilder padded = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String alignment = i == 2 || i >= 5 ? "" : "-";
                padded.append(String.format("%" + alignment + widths[i] + "s  ", line.get(i)));
            }
            text.append(padded.toString().stripTrailing()).append(System.lineSeparator());
        }
        notes().forEach(note -> text.append(note).append(System.lineSeparator()));
        return text.toString();
    }

    private List<String> notes() {
        List<String> notes = new ArrayList<>();
        notes.add("ratio: above 1, Heddle is faster");
        if (rounds() > 1) {
            notes.add("figures and ratios: medians of " + rounds() + " rounds");
            notes.add("spread: the lowest and the highest ratio of a round, without a peer Heddle's figure");
        }
        if (comparesPairs()) {
            notes.add("per pair: time of a query-key pair, 1 is that of causal attention over as many tokens");
        }
        return notes;
    }

    private int rounds() {
        return rows.stream().mapToInt(row -> row.heddle.rounds().size()).max().orElse(0);
    }

    private boolean comparesPairs() {
        return rows.stream().anyMatch(row -> row.perPair != null);
    }

    private List<String> headings() {
        return shown("spread", "per pair", "benchmark", "parameters", "heddle", "unit", "peer", "peer's", "ratio");
    }

    private List<String> shown(String spread, String perPair, String... always) {
        List<String> cells = new ArrayList<>(List.of(always));
        if (rounds() > 1) {
            cells.add(spread);
        }
        if (comparesPairs()) {
            cells.add(perPair);
        }
        return cells;
    }

    private List<String> cells(Row row) {
        String parameters =
                row.params.entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .collect(Collectors.joining(" "));
        return shown(
                spread(row),
                quotient(row.perPair),
                row.benchmark,
                parameters,
                figure(row.heddle.median()),
                row.heddle.unit(),
                row.peer == null ? "-" : row.peer,
                row.theirs == null ? "-" : figure(row.theirs.median()),
                quotient(row.ratio()));
    }

    private static String spread(Row row) {
        List<Double> ratios = row.ratios();
        return ratios == null ? ends(row.heddle.rounds(), Report::figure) : ends(ratios, Report::quotient);
    }

    private static String ends(List<Double> values, Function<Double, String> format) {
        return format.apply(Collections.min(values)) + ".." + format.apply(Collections.max(values));
    }

    private static String quotient(@Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.2f", value);
    }

    private static String figure(double value) {
        int decimals = Math.clamp(3 - (int) Math.floor(Math.log10(Math.max(value, 1e-6))), 0, 6);
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    // The JVMs that measured had the module of vectors; this one may lack it, and then does not know.
    private static String kernels() {
        return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
                ? ", kernels: " + KernelProvider.description()
                : "";
    }

    /// The table in Markdown, with machine, command and date.
    String markdown(String commandLine) {
        StringBuilder text = new StringBuilder();
        text.append("`./heddle bench ").append(commandLine).append("`, ");
        text.append(LocalDate.now(ZoneOffset.UTC)).append("; ");
        text.append(System.getProperty("os.name")).append(' ').append(System.getProperty("os.arch")).append(", ");
        text.append(Parallel.threads()).append(" threads, Java ").append(Runtime.version());
        text.append(kernels());
        text.append(rounds() > 1 ? "; medians of " + rounds() + " rounds.\n\n" : ".\n\n");
        text.append("| ").append(String.join(" | ", headings())).append(" |\n");
        text.append("|---|---|---:|---|---|").append("---:|".repeat(headings().size() - 5)).append("\n");
        rows.forEach(row -> text.append("| ").append(String.join(" | ", cells(row))).append(" |\n"));
        return text.toString();
    }

    /// A list of `{benchmark, params, score, unit, peer, peer_score, ratio, per_pair, scores, peer_scores, ratios}`, the
    /// last three round by round.
    String json() {
        try {
            return new ObjectMapper()
                            .writerWithDefaultPrettyPrinter()
                            .writeValueAsString(rows.stream().map(Row::json).toList())
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("report: a row cannot be written", e);
        }
    }
}
