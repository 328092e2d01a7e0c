package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.Native;

import jdk.incubator.vector.FloatVector;

/// What [Combine] does to one row of outputs, `[Dv]` at an address.
interface CombinedRow {
    /// `to = Σ_p weights[p]·rows[p]` over the first `count` rows.
    void mix(double[] weights, long[] rows, int count, long to);

    /// `to = factor·from`; exactly 0 for a factor of 0.
    void scale(double factor, long from, long to);

    /// `dy·(part − y)`.
    double slope(long dy, long part, long y);

    /// One element at a time, in double.
    record Scalars(Elements store, int width) implements CombinedRow {
        @Override
        public void mix(double[] weights, long[] rows, int count, long to) {
            for (int d = 0; d < width; d++) {
                double sum = 0;
                for (int p = 0; p < count; p++) {
                    sum += weights[p] * store.get(rows[p], d);
                }
                store.set(to, d, sum);
            }
        }

        @Override
        public void scale(double factor, long from, long to) {
            for (int d = 0; d < width; d++) {
                store.set(to, d, factor == 0 ? 0 : factor * store.get(from, d));
            }
        }

        @Override
        public double slope(long dy, long part, long y) {
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += store.get(dy, d) * (store.get(part, d) - store.get(y, d));
            }
            return sum;
        }
    }

    /// 32-bit floats, a vector at a time. An instance belongs to one thread.
    final class Vectors implements CombinedRow {
        private final int width;
        private final int whole;
        private final float[] lanes = new float[COUNT];

        Vectors(int width) {
            this.width = width;
            whole = width - width % COUNT;
        }

        @Override
        public void mix(double[] weights, long[] rows, int count, long to) {
            for (int d = 0; d < whole; d += COUNT) {
                long at = (long) Float.BYTES * d;
                FloatVector sum = FloatVector.zero(FLOATS);
                for (int p = 0; p < count; p++) {
                    sum = Lanes.load(rows[p] + at).fma(FloatVector.broadcast(FLOATS, (float) weights[p]), sum);
                }
                Lanes.store(sum, to + at);
            }
            for (int d = whole; d < width; d++) {
                long at = (long) Float.BYTES * d;
                float sum = 0;
                for (int p = 0; p < count; p++) {
                    sum = Math.fma((float) weights[p], Native.getFloat(rows[p] + at), sum);
                }
                Native.setFloat(to + at, sum);
            }
        }

        @Override
        public void scale(double factor, long from, long to) {
            if (factor == 0) {
                Native.zero(to, (long) Float.BYTES * width);
                return;
            }
            float f = (float) factor;
            for (int d = 0; d < whole; d += COUNT) {
                long at = (long) Float.BYTES * d;
                Lanes.store(Lanes.load(from + at).mul(f), to + at);
            }
            for (int d = whole; d < width; d++) {
                long at = (long) Float.BYTES * d;
                Native.setFloat(to + at, f * Native.getFloat(from + at));
            }
        }

        @Override
        public double slope(long dy, long part, long y) {
            FloatVector sums = FloatVector.zero(FLOATS);
            for (int d = 0; d < whole; d += COUNT) {
                long at = (long) Float.BYTES * d;
                sums = Lanes.load(part + at).sub(Lanes.load(y + at)).fma(Lanes.load(dy + at), sums);
            }
            sums.intoArray(lanes, 0);
            float sum = Lanes.sum(lanes, 0);
            for (int d = whole; d < width; d++) {
                long at = (long) Float.BYTES * d;
                sum += Native.getFloat(dy + at) * (Native.getFloat(part + at) - Native.getFloat(y + at));
            }
            return sum;
        }
    }
}
