package dev.heddle.lab.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Maps the values of an axis to pixels and chooses its round tick marks.
///
/// @param low value at `start`
/// @param high value at `end`
/// @param logarithmic true if equal ratios are equal distances
/// @param start pixel of `low`
/// @param end pixel of `high`
record Scale(double low, double high, boolean logarithmic, double start, double end) {
    private static final int TICKS = 6;

    double pixel(double value) {
        double share = logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
        return start + share * (end - start);
    }

    /// A scale from just below to just above the values: a linear one begins at 0 if they reach near it.
    static Scale around(double least, double greatest, boolean logarithmic, double start, double end) {
        if (logarithmic) {
            return new Scale(least / 1.15, greatest * 1.15, true, start, end);
        }
        double spread = greatest > least ? greatest - least : Math.max(1e-9, Math.abs(greatest));
        double low = least >= 0 && least < 0.4 * greatest ? 0 : least - 0.06 * spread;
        return new Scale(low, greatest + 0.06 * spread, false, start, end);
    }

    List<Double> ticks() {
        return logarithmic ? logarithmicTicks() : linearTicks();
    }

    private List<Double> linearTicks() {
        double rough = (high - low) / TICKS;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
        List<Double> ticks = new ArrayList<>();
        for (long i = (long) Math.ceil(low / step); i * step <= high; i++) {
            ticks.add(i * step);
        }
        return ticks;
    }

    // Powers of ten and, where those are few, their doubles and fivefolds.
    private List<Double> logarithmicTicks() {
        int[] factors = high / low > 300 ? new int[] {1} : new int[] {1, 2, 5};
        List<Double> ticks = new ArrayList<>();
        for (int exponent = (int) Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
            for (int factor : factors) {
                double tick = factor * Math.pow(10, exponent);
                if (tick >= low && tick <= high) {
                    ticks.add(tick);
                }
            }
        }
        return ticks;
    }

    /// A number with no more digits than its distance to the next tick needs.
    static String label(double value) {
        double size = Math.abs(value);
        if (size >= 1e6) {
            return trimmed(value / 1e6) + "M";
        }
        if (size >= 1e3) {
            return trimmed(value / 1e3) + "k";
        }
        return trimmed(value);
    }

    private static String trimmed(double value) {
        String text = String.format(Locale.ROOT, "%.3f", value);
        return text.replaceFirst("\\.?0+$", "");
    }
}
