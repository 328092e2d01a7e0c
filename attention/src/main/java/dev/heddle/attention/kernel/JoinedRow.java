package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Native;

/// Joins what a pass found for one query with what earlier passes wrote: `lse = ln(exp(lse_0) + exp(lse_1))` and
/// `y = exp(lse_0 − lse)·y_0 + exp(lse_1 − lse)·y_1`.
final class JoinedRow {
    private JoinedRow() {}

    /// @param values the weighted values of this pass, from `at` on, to be multiplied by `factor`
    /// @param logSum their log-sum-exp; −∞ adds nothing
    /// @param y address of the row, read and written
    /// @param lse address of its log-sum-exp, read and written
    static void join(float[] values, int at, float factor, float logSum, long y, long lse, int width) {
        if (logSum == Float.NEGATIVE_INFINITY) {
            return;
        }
        float before = Native.getFloat(lse);
        if (before == Float.NEGATIVE_INFINITY) {
            RowMath.writeScaled(values, at, factor, y, width);
            Native.setFloat(lse, logSum);
            return;
        }
        double lower = Math.exp(-Math.abs((double) before - logSum));
        double sum = 1 + lower;
        double keep = (before < logSum ? lower : 1) / sum;
        double share = (before < logSum ? 1 : lower) / sum;
        RowMath.mix(y, (float) keep, values, at, (float) (factor * share), width);
        Native.setFloat(lse, (float) (Math.max(before, logSum) + Math.log(sum)));
    }
}
