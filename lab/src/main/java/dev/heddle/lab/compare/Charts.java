package dev.heddle.lab.compare;

import dev.heddle.lab.training.History;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/// The charts of a comparison.
final class Charts {
    private static final double MEBI = 1 << 20;
    private static final Chart.Axis CONTEXT = new Chart.Axis("context length (tokens)", true);

    private Charts() {}

    static List<Chart> of(List<VariantResult> results) {
        List<Chart> charts =
                List.of(
                        new Chart(
                                "loss",
                                "Validation loss while training",
                                new Chart.Axis("step", false),
                                new Chart.Axis("nats per character", false),
                                series(results, Charts::lossCurve)),
                        byLength(
                                results,
                                "prefill-speed",
                                "Reading a prompt",
                                "tokens per second",
                                LengthPoint::prefillTokensPerSecond),
                        byLength(
                                results,
                                "decode-speed",
                                "Generating after a prompt",
                                "tokens per second",
                                LengthPoint::decodeTokensPerSecond),
                        byLength(
                                results,
                                "memory",
                                "Peak memory of reading a prompt, without parameters",
                                "MiB",
                                point -> point.peakBytes() / MEBI),
                        byLength(
                                results, "cache", "Largest decode state while reading a prompt", "MiB", Charts::cache));
        return charts.stream().filter(chart -> !chart.series().isEmpty()).toList();
    }

    private static @Nullable Double cache(LengthPoint point) {
        Long bytes = point.cacheBytes();
        return bytes == null || bytes == 0 ? null : bytes / MEBI;
    }

    /// @param figure null where a variant has none; a variant that never has one has no line
    private static Chart byLength(
            List<VariantResult> results,
            String id,
            String title,
            String unit,
            Function<LengthPoint, @Nullable Double> figure) {
        return new Chart(
                id,
                title,
                CONTEXT,
                new Chart.Axis(unit, true),
                series(
                        results,
                        result -> {
                            List<LengthPoint> points =
                                    result.lengths().stream().filter(point -> figure.apply(point) != null).toList();
                            return new Line(
                                    points.stream().mapToDouble(LengthPoint::context).toArray(),
                                    points.stream()
                                            .map(figure)
                                            .filter(Objects::nonNull)
                                            .mapToDouble(Double::doubleValue)
                                            .toArray());
                        }));
    }

    private record Line(double[] x, double[] y) {}

    // The loss before the first step, ln V, would squeeze all that matters into a corner.
    private static Line lossCurve(VariantResult result) {
        List<History.Point> points =
                result.evaluations().size() > 2
                        ? result.evaluations().subList(1, result.evaluations().size())
                        : result.evaluations();
        return new Line(
                points.stream().mapToDouble(History.Point::step).toArray(),
                points.stream().mapToDouble(History.Point::loss).toArray());
    }

    private static List<Chart.Series> series(List<VariantResult> results, Function<VariantResult, Line> lines) {
        List<Chart.Series> series = new ArrayList<>();
        for (int i = 0; i < results.size(); i++) {
            Line line = lines.apply(results.get(i));
            if (line.x.length > 0) {
                series.add(new Chart.Series(results.get(i).variant(), i, line.x, line.y));
            }
        }
        return series;
    }
}
