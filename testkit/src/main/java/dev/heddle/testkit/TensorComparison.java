package dev.heddle.testkit;

import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Locale;

/// One tensor of a golden file beside the one that was computed.
///
/// @param name its name in the file: `out.y`, `grad.w.wq`
/// @param elements numbers compared
/// @param maxAbs largest `|a − b|`; NaN if one side is NaN where the other is not, infinite if one side alone is
/// @param maxRel largest `|a − b|/|b|` over the elements with `|b|` above the absolute tolerance (below it, the ratio of
///     two roundings says nothing)
/// @param ratio largest error in units of what is allowed: 1 or less passes
/// @param detail what is wrong in words: the worst element, the shapes, what is missing; empty if it passes
public record TensorComparison(String name, long elements, double maxAbs, double maxRel, double ratio, String detail) {

    public boolean passed() {
        return ratio <= 1;
    }

    /// A tensor that could not be compared at all.
    static TensorComparison impossible(String name, String detail) {
        return new TensorComparison(name, 0, Double.NaN, Double.NaN, Double.POSITIVE_INFINITY, detail);
    }

    /// Compares element by element; integers and booleans must be equal.
    static TensorComparison of(String name, Tensor found, Expected expected, Tolerance tolerance) {
        if (!fits(found.shape(), expected.shape())) {
            return impossible(name, "has the shape " + found.shape() + ", expected " + expected.shape());
        }
        Tolerance allowed = expected.exact() ? new Tolerance(0, 0) : tolerance;
        double maxAbs = 0;
        double maxRel = 0;
        double ratio = 0;
        int worst = 0;
        double[] b = expected.values();
        for (int i = 0; i < b.length; i++) {
            double a = found.at(i);
            double error = a == b[i] ? 0 : Math.abs(a - b[i]);
            maxAbs = Math.max(maxAbs, error);
            if (Math.abs(b[i]) > allowed.absolute() && error > 0) {
                maxRel = Math.max(maxRel, error / Math.abs(b[i]));
            }
            double here = allowed.ratio(a, b[i]);
            if (here > ratio) {
                ratio = here;
                worst = i;
            }
        }
        String detail = ratio <= 1 ? "" : element(found, b, worst);
        return new TensorComparison(name, b.length, maxAbs, maxRel, ratio, detail);
    }

    // A scalar is written as [] by some and as [1] by others.
    private static boolean fits(Shape found, Shape expected) {
        return found.equals(expected) || found.elements() == 1 && expected.elements() == 1;
    }

    private static String element(Tensor found, double[] expected, int index) {
        return String.format(
                Locale.ROOT, "is %.9g at element %d, expected %.9g", found.at(index), index, expected[index]);
    }

    /// What a file says a tensor should be.
    ///
    /// @param exact true for integers and booleans
    record Expected(Shape shape, double[] values, boolean exact) {}
}
