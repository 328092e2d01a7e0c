package dev.heddle.lab.compare;

import dev.heddle.lab.picture.Png;

import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// Draws a [Chart] as a PNG, on white, for papers and slides. Its provenance stands below in short and inside, as the
/// text chunk `Provenance`, in full.
final class PngChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 500;
    private static final int FOOTER = 22;
    private static final int PIXELS_PER_POINT = 2;
    private static final Color SOFT = new Color(0x5D6670);
    private static final Color GRID = new Color(0xE3E6EA);

    private final Chart chart;
    private final Provenance provenance;

    PngChart(Chart chart, Provenance provenance) {
        this.chart = chart;
        this.provenance = provenance;
    }

    void writeTo(WritableByteChannel channel) throws IOException {
        Png.write(paint(), provenance.facts().toString(), channel);
    }

    private BufferedImage paint() {
        BufferedImage image =
                new BufferedImage(
                        WIDTH * PIXELS_PER_POINT, (HEIGHT + FOOTER) * PIXELS_PER_POINT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.scale(PIXELS_PER_POINT, PIXELS_PER_POINT);
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, WIDTH, HEIGHT + FOOTER);
        plot().paint(graphics, WIDTH, HEIGHT);
        graphics.setColor(SOFT);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
        graphics.drawString(footer(), 12, HEIGHT + FOOTER / 2);
        graphics.dispose();
        return image;
    }

    private String footer() {
        return "Heddle %s · corpus %s · seed %s · %s"
                .formatted(
                        provenance.environment().get("heddle"),
                        provenance.corpus(),
                        provenance.settings().get("seed"),
                        provenance.date());
    }

    private XYChart plot() {
        XYChart plot =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(chart.title())
                        .xAxisTitle(chart.x().label())
                        .yAxisTitle(chart.y().label())
                        .build();
        style(plot.getStyler());
        List<Chart.Series> order =
                chart.series().stream().sorted(Comparator.comparingDouble(Chart.Series::last).reversed()).toList();
        order.forEach(series -> add(plot, series));
        return plot;
    }

    private void style(XYStyler styler) {
        styler.setLocale(Locale.ROOT);
        styler.setYAxisLogarithmic(chart.y().logarithmic());
        styler.setYAxisLogarithmicDecadeOnly(false);
        styler.setDecimalPattern("#,##0.###");
        if (chart.x().logarithmic()) {
            styler.setxAxisTickLabelsFormattingFunction(PngChart::powerOfTwo);
            styler.setXAxisTickMarkSpacingHint(60);
        }
        styler.setLegendPosition(LegendPosition.OutsideE);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setPlotBorderVisible(false);
        styler.setPlotGridLinesColor(GRID);
        styler.setPlotGridLinesStroke(new BasicStroke(1));
        styler.setAxisTickMarksColor(GRID);
        styler.setAntiAlias(true);
    }

    // XChart marks a logarithmic axis by tens; lengths go by powers of two, so their logarithms are drawn.
    private static String powerOfTwo(double exponent) {
        return exponent == Math.rint(exponent) ? "%,d".formatted(1L << (long) exponent) : "";
    }

    private void add(XYChart plot, Chart.Series series) {
        double[] x =
                chart.x().logarithmic()
                        ? Arrays.stream(series.x()).map(length -> Math.log(length) / Math.log(2)).toArray()
                        : series.x();
        XYSeries line = plot.addSeries(series.name(), x, series.y());
        line.setLineColor(Palette.onWhite(series.colour()));
        line.setMarkerColor(Palette.onWhite(series.colour()));
        line.setMarker(series.x().length <= 16 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
        line.setLineStyle(series.colour() < Palette.size() ? SeriesLines.SOLID : SeriesLines.DASH_DASH);
        line.setLineWidth(2);
    }
}
