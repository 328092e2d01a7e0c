package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;

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
        double high = Math.max(before, logSum);
        double total = high + Math.log(Math.exp(before - high) + Math.exp(logSum - high));
        add(values, at, (float) (factor * Math.exp(logSum - total)), (float) Math.exp(before - total), y, width);
        Native.setFloat(lse, (float) total);
    }

    private static void add(float[] values, int at, float own, float kept, long y, int width) {
        int d = 0;
        for (; d + COUNT <= width; d += COUNT) {
            long place = y + (long) Float.BYTES * d;
            FloatVector sum = FloatVector.fromArray(FLOATS, values, at + d).mul(own);
            Lanes.store(Lanes.load(place).fma(FloatVector.broadcast(FLOATS, kept), sum), place);
        }
        for (; d < width; d++) {
            long place = y + (long) Float.BYTES * d;
            Native.setFloat(place, Native.getFloat(place) * kept + values[at + d] * own);
        }
    }
}
