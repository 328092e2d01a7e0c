package dev.heddle.benchmarks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Parallel;

import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.RunResult;

import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The figures of a run with their ratios to the peers, one row for Heddle and each peer.
final class Report {
    private final List<Row> rows;

    private Report(List<Row> rows) {
        this.rows = rows;
    }

    /// @param score Heddle's figure
    /// @param unit of both figures, as `ms/op`
    /// @param peer null if the benchmark has none
    /// @param ratio how many times as fast as the peer Heddle is
    /// @param perPair for attention under a sparse pattern: the time of a query-key pair, relative to one of causal
    ///     attention over as many tokens
    record Row(
            String benchmark,
            Map<String, String> params,
            double score,
            String unit,
            @Nullable String peer,
            @Nullable Double peerScore,
            @Nullable Double ratio,
            @Nullable Double perPair) {
        Map<String, @Nullable Object> json() {
            Map<String, @Nullable Object> json = new LinkedHashMap<>();
            json.put("benchmark", benchmark);
            json.put("params", params);
            json.put("score", score);
            json.put("unit", unit);
            json.put("peer", peer);
            json.put("peer_score", peerScore);
            json.put("ratio", ratio);
            json.put("per_pair", perPair);
            return json;
        }
    }

    static Report of(Collection<RunResult> results) {
        Map<Name, RunResult> byName = new LinkedHashMap<>();
        results.forEach(result -> byName.put(Name.of(result.getParams()), result));
        PairTimes times = new PairTimes();
        byName.forEach((name, result) -> times.add(name, score(result)));
        List<Row> rows = new ArrayList<>();
        byName.forEach(
                (name, ours) -> {
                    if (name.isHeddle()) {
                        List<Row> beside = new ArrayList<>();
                        byName.forEach(
                                (other, theirs) -> {
                                    if (!other.isHeddle() && other.byHeddle().equals(name)) {
                                        beside.add(row(name, ours, other.who(), theirs, times.relative(name)));
                                    }
                                });
                        rows.addAll(beside.isEmpty() ? List.of(alone(name, ours, times.relative(name))) : beside);
                    }
                });
        return new Report(rows);
    }

    private static Row alone(Name name, RunResult ours, @Nullable Double perPair) {
        return new Row(name.subject(), name.parameters(), score(ours), unit(ours), null, null, null, perPair);
    }

    private static Row row(Name name, RunResult ours, String peer, RunResult theirs, @Nullable Double perPair) {
        double mine = score(ours);
        double other = score(theirs);
        boolean moreIsBetter = unit(ours).startsWith("ops");
        double ratio = moreIsBetter ? mine / other : other / mine;
        return new Row(name.subject(), name.parameters(), mine, unit(ours), peer, other, ratio, perPair);
    }

    private static double score(RunResult result) {
        return result.getPrimaryResult().getScore();
    }

    private static String unit(RunResult result) {
        return result.getPrimaryResult().getScoreUnit();
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
        text.append("ratio: above 1, Heddle is faster").append(System.lineSeparator());
        if (comparesPairs()) {
            text.append("per pair: time of a query-key pair, 1 is that of causal attention over as many tokens")
                    .append(System.lineSeparator());
        }
        return text.toString();
    }

    private boolean comparesPairs() {
        return rows.stream().anyMatch(row -> row.perPair != null);
    }

    private List<String> headings() {
        List<String> headings = List.of("benchmark", "parameters", "heddle", "unit", "peer", "peer's", "ratio");
        return comparesPairs() ? with(headings, "per pair") : headings;
    }

    private static List<String> with(List<String> cells, String last) {
        return Stream.concat(cells.stream(), Stream.of(last)).toList();
    }

    private List<String> cells(Row row) {
        String parameters =
                row.params.entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .collect(Collectors.joining(" "));
        List<String> cells =
                List.of(
                        row.benchmark,
                        parameters,
                        figure(row.score),
                        row.unit,
                        row.peer == null ? "-" : row.peer,
                        figure(row.peerScore),
                        quotient(row.ratio));
        return comparesPairs() ? with(cells, quotient(row.perPair)) : cells;
    }

    private static String quotient(@Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.2f", value);
    }

    private static String figure(@Nullable Double value) {
        if (value == null) {
            return "-";
        }
        int decimals = Math.clamp(3 - (int) Math.floor(Math.log10(Math.max(value, 1e-6))), 0, 6);
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    /// The table in Markdown, with machine, command and date.
    String markdown(String commandLine) {
        StringBuilder text = new StringBuilder();
        text.append("`./heddle bench ").append(commandLine).append("`, ");
        text.append(LocalDate.now(ZoneOffset.UTC)).append("; ");
        text.append(System.getProperty("os.name")).append(' ').append(System.getProperty("os.arch")).append(", ");
        text.append(Parallel.threads()).append(" threads, Java ").append(Runtime.version()).append(", kernels: ");
        text.append(KernelProvider.description()).append(".\n\n");
        text.append("| ").append(String.join(" | ", headings())).append(" |\n");
        text.append("|---|---|---:|---|---|---:|---:|").append(comparesPairs() ? "---:|" : "").append("\n");
        rows.forEach(row -> text.append("| ").append(String.join(" | ", cells(row))).append(" |\n"));
        return text.toString();
    }

    /// A list of `{benchmark, params, score, unit, peer, peer_score, ratio, per_pair}`.
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
