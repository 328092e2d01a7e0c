package dev.heddle.testkit;

import dev.heddle.core.tensor.Tensor;

import java.util.Locale;

/// `max|a − b| / (1 + max|b|)`: the error of a tensor relative to its own largest number, absolute for small ones.
///
/// Equal infinities are equal and count nowhere else; NaN on either side makes the figure NaN, which no tolerance
/// passes. Integers and booleans are 0 if all are equal and infinite otherwise.
final class ErrorFigure {
    static final String FORMULA = "max|a−b|/(1+max|b|)";

    private ErrorFigure() {}

    static Finding compare(String what, Tensor found, Tensor expected, double tolerance) {
        if (!found.shape().equals(expected.shape())) {
            return new Finding(
                    what, Double.NaN, tolerance, "shape " + found.shape() + ", expected " + expected.shape());
        }
        double[] a = found.toDoubles();
        double[] b = expected.toDoubles();
        double error = 0;
        double scale = 1;
        int worst = 0;
        for (int i = 0; i < a.length; i++) {
            double here = a[i] == b[i] ? 0 : Math.abs(a[i] - b[i]);
            if (here > error || Double.isNaN(here)) {
                worst = i;
            }
            error = Math.max(error, here);
            if (Double.isFinite(b[i])) {
                scale = Math.max(scale, 1 + Math.abs(b[i]));
            }
        }
        if (error == 0) {
            return new Finding(what, 0, tolerance, "");
        }
        String where = String.format(Locale.ROOT, "element %d is %.12g, expected %.12g", worst, a[worst], b[worst]);
        boolean floating = found.dtype().isFloating() && expected.dtype().isFloating();
        return new Finding(what, floating ? error / scale : Double.POSITIVE_INFINITY, tolerance, where);
    }
}
