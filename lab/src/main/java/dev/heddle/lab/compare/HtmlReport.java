package dev.heddle.lab.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/// The report as one page without anything outside it: no scripts, no fonts, no images, no requests.
final class HtmlReport {
    private final Report report;
    private final List<Chart> charts;

    private HtmlReport(Report report, List<Chart> charts) {
        this.report = report;
        this.charts = charts;
    }

    static String of(Report report, List<Chart> charts) {
        return new HtmlReport(report, charts).page();
    }

    private String page() {
        int series = report.results().size();
        return resource("report.html")
                .replace("{{colours-light}}", Palette.css(series, false))
                .replace("{{colours-dark}}", Palette.css(series, true))
                .replace("{{variants}}", Html.escape(names()))
                .replace("{{corpus}}", Html.escape(report.provenance().corpus()))
                .replace("{{date}}", Html.escape(report.provenance().date()))
                .replace("{{version}}", Html.escape(report.provenance().environment().getOrDefault("heddle", "")))
                .replace("{{table}}", table())
                .replace("{{charts}}", charts.stream().map(HtmlReport::figure).collect(Collectors.joining("\n")))
                .replace("{{provenance}}", provenance());
    }

    private String names() {
        return report.results().stream().map(VariantResult::variant).collect(Collectors.joining(", "));
    }

    private String table() {
        var table = new StringBuilder("<thead><tr><th scope=\"col\">variant</th>");
        for (Column column : Column.ALL) {
            table.append("<th scope=\"col\">%s<small>%s</small></th>".formatted(column.name(), column.unit()));
        }
        table.append("</tr></thead><tbody>");
        for (int i = 0; i < report.results().size(); i++) {
            row(table, i, report.results().get(i));
        }
        return table.append("</tbody>").toString();
    }

    private void row(StringBuilder table, int index, VariantResult result) {
        table.append(
                "<tr><th scope=\"row\" title=\"%s\"><span class=\"dot c%d\"></span>%s<small>%s</small></th>"
                        .formatted(
                                Html.escape(result.summary()),
                                index,
                                Html.escape(result.variant()),
                                Html.escape(result.stack())));
        for (Column column : Column.ALL) {
            String mark = column.isBest(result, report.results()) ? " class=\"best\"" : "";
            table.append("<td%s>%s</td>".formatted(mark, column.text(result)));
        }
        table.append("</tr>");
    }

    private static String figure(Chart chart) {
        return "<figure><figcaption>%s</figcaption>%s</figure>"
                .formatted(Html.escape(chart.title()), SvgChart.draw(chart));
    }

    private String provenance() {
        return report.provenance().facts().entrySet().stream().map(HtmlReport::fact).collect(Collectors.joining("\n"));
    }

    private static String fact(Map.Entry<String, String> fact) {
        return "<dt>%s</dt><dd>%s</dd>".formatted(Html.escape(fact.getKey()), Html.escape(fact.getValue()));
    }

    private static String resource(String name) {
        try (var in = Objects.requireNonNull(HtmlReport.class.getResourceAsStream(name))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
