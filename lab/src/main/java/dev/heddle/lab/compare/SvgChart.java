package dev.heddle.lab.compare;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/// Draws a [Chart] as SVG for a page whose style sheet gives the colours, so that it follows light and dark.
///
/// The legend stands to the right, in the order in which the lines end, so that the eye finds them.
final class SvgChart {
    private static final int WIDTH = 860;
    private static final int HEIGHT = 400;
    private static final int LEFT = 64;
    private static final int TOP = 14;
    private static final int BOTTOM = HEIGHT - 48;
    private static final int LEGEND_LINE = 21;
    private static final int LEGEND_MARK = 45;
    // A generous letter of the legend, so that names fit in whatever font there is.
    private static final double LEGEND_LETTER = 7.6;

    private final Chart chart;
    private final int right;
    private final Scale x;
    private final Scale y;
    private final StringBuilder svg = new StringBuilder();

    private SvgChart(Chart chart) {
        this.chart = chart;
        int letters = chart.series().stream().mapToInt(series -> series.name().length()).max().orElse(0);
        this.right = WIDTH - LEGEND_MARK - (int) Math.ceil(LEGEND_LETTER * letters);
        this.x = scale(chart.series().stream().flatMapToDouble(s -> DoubleStream.of(s.x())), chart.x(), LEFT, right);
        this.y = scale(chart.series().stream().flatMapToDouble(s -> DoubleStream.of(s.y())), chart.y(), BOTTOM, TOP);
    }

    private static Scale scale(DoubleStream values, Chart.Axis axis, double start, double end) {
        var summary = values.summaryStatistics();
        return Scale.around(summary.getMin(), summary.getMax(), axis.logarithmic(), start, end);
    }

    static String draw(Chart chart) {
        return new SvgChart(chart).draw();
    }

    private String draw() {
        add("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH, HEIGHT, Html.escape(chart.title()));
        horizontalTicks();
        verticalTicks();
        add(
                "<text class=\"axis\" x=\"%d\" y=\"%d\">%s</text>",
                (LEFT + right) / 2, HEIGHT - 8, Html.escape(chart.x().label()));
        add(
                "<text class=\"axis\" transform=\"translate(16 %d) rotate(-90)\">%s</text>",
                (TOP + BOTTOM) / 2, Html.escape(chart.y().label()));
        chart.series().forEach(this::line);
        legend();
        return svg.append("</svg>").toString();
    }

    private void horizontalTicks() {
        for (double tick : chart.x().logarithmic() ? abscissas() : x.ticks()) {
            add(
                    "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                    x.pixel(tick), x.pixel(tick), TOP, BOTTOM);
            add(
                    "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>",
                    x.pixel(tick), BOTTOM + 18, whole(tick));
        }
    }

    // On a logarithmic axis the measured lengths themselves are the marks.
    private List<Double> abscissas() {
        return chart.series().stream()
                .flatMapToDouble(s -> DoubleStream.of(s.x()))
                .distinct()
                .sorted()
                .boxed()
                .toList();
    }

    private static String whole(double value) {
        return value == Math.rint(value) ? String.format(Locale.ROOT, "%,d", (long) value) : Scale.label(value);
    }

    private void verticalTicks() {
        for (double tick : y.ticks()) {
            add(
                    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                    LEFT, right, y.pixel(tick), y.pixel(tick));
            add(
                    "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>",
                    LEFT - 8, y.pixel(tick) + 4, Scale.label(tick));
        }
    }

    private void line(Chart.Series series) {
        add(
                "<g class=\"series c%d\"><title>%s</title><polyline points=\"",
                series.colour(), Html.escape(series.name()));
        for (int i = 0; i < series.x().length; i++) {
            add("%.1f,%.1f ", x.pixel(series.x()[i]), y.pixel(series.y()[i]));
        }
        svg.append("\"/>");
        if (series.x().length <= 16) {
            for (int i = 0; i < series.x().length; i++) {
                add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", x.pixel(series.x()[i]), y.pixel(series.y()[i]));
            }
        }
        svg.append("</g>");
    }

    private void legend() {
        ToDoubleFunction<Chart.Series> end = Chart.Series::last;
        List<Chart.Series> order = chart.series().stream().sorted(Comparator.comparingDouble(end).reversed()).toList();
        for (int i = 0; i < order.size(); i++) {
            int line = TOP + 10 + i * LEGEND_LINE;
            add(
                    "<g class=\"series c%d\"><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/></g>",
                    order.get(i).colour(), right + 16, right + 38, line, line);
            add(
                    "<text class=\"legend\" x=\"%d\" y=\"%d\">%s</text>",
                    right + LEGEND_MARK, line + 4, Html.escape(order.get(i).name()));
        }
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }
}
