package dev.heddle.lab.compare;

import dev.heddle.core.error.ConfigException;

import java.util.List;

/// A line chart, as data: [SvgChart] and [PngChart] draw it.
///
/// @param id a word for file names
/// @param title what it shows
/// @param x the horizontal axis
/// @param y the vertical axis
/// @param series the lines, in the order of the table that they belong to
record Chart(String id, String title, Axis x, Axis y, List<Series> series) {
    /// An axis.
    ///
    /// @param label what and in which unit
    /// @param logarithmic true for a scale of powers of two on x and of ten on y
    record Axis(String label, boolean logarithmic) {}

    /// A line through points.
    ///
    /// @param name of the variant
    /// @param colour index of the variant's colour, the same in every chart
    /// @param x abscissas, rising
    /// @param y ordinates, one for each abscissa
    record Series(String name, int colour, double[] x, double[] y) {
        Series {
            if (x.length != y.length || x.length == 0) {
                throw new ConfigException(
                        "chart: line '" + name + "' has " + x.length + " abscissas and " + y.length + " ordinates");
            }
        }

        double last() {
            return y[y.length - 1];
        }
    }
}
