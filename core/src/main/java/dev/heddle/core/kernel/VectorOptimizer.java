package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.FLOATS;
import static dev.heddle.core.kernel.Lanes.ORDER;
import static dev.heddle.core.kernel.Native.ALL;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The AdamW update with its constants folded: `keep = 1 − lr·decay`, `rate = lr/correction1`,
/// `inverseRoot = 1/√correction2`.
record VectorOptimizer(
        float gradientScale, float beta1, float beta2, float eps, float keep, float rate, float inverseRoot) {

    void step(long p, long g, long m, long v, int n) {
        int whole = n - n % COUNT;
        for (int i = 0; i < whole; i += COUNT) {
            FloatVector gradient = fromMemorySegment(FLOATS, ALL, g + 4L * i, ORDER).mul(gradientScale);
            FloatVector first =
                    fromMemorySegment(FLOATS, ALL, m + 4L * i, ORDER)
                            .fma(broadcast(FLOATS, beta1), gradient.mul(1 - beta1));
            FloatVector second =
                    fromMemorySegment(FLOATS, ALL, v + 4L * i, ORDER)
                            .fma(broadcast(FLOATS, beta2), gradient.mul(gradient).mul(1 - beta2));
            first.intoMemorySegment(ALL, m + 4L * i, ORDER);
            second.intoMemorySegment(ALL, v + 4L * i, ORDER);
            FloatVector divisor =
                    second.lanewise(VectorOperators.SQRT).fma(broadcast(FLOATS, inverseRoot), broadcast(FLOATS, eps));
            fromMemorySegment(FLOATS, ALL, p + 4L * i, ORDER)
                    .fma(broadcast(FLOATS, keep), first.mul(-rate).div(divisor))
                    .intoMemorySegment(ALL, p + 4L * i, ORDER);
        }
        if (whole < n) {
            tail(p + 4L * whole, g + 4L * whole, m + 4L * whole, v + 4L * whole, n - whole);
        }
    }

    private void tail(long p, long g, long m, long v, int n) {
        VectorMask<Float> lanes = FLOATS.indexInRange(0, n);
        FloatVector gradient = fromMemorySegment(FLOATS, ALL, g, ORDER, lanes).mul(gradientScale);
        FloatVector first =
                fromMemorySegment(FLOATS, ALL, m, ORDER, lanes).fma(broadcast(FLOATS, beta1), gradient.mul(1 - beta1));
        FloatVector second =
                fromMemorySegment(FLOATS, ALL, v, ORDER, lanes)
                        .fma(broadcast(FLOATS, beta2), gradient.mul(gradient).mul(1 - beta2));
        first.intoMemorySegment(ALL, m, ORDER, lanes);
        second.intoMemorySegment(ALL, v, ORDER, lanes);
        FloatVector divisor =
                second.lanewise(VectorOperators.SQRT).fma(broadcast(FLOATS, inverseRoot), broadcast(FLOATS, eps));
        fromMemorySegment(FLOATS, ALL, p, ORDER, lanes)
                .fma(broadcast(FLOATS, keep), first.mul(-rate).div(divisor))
                .intoMemorySegment(ALL, p, ORDER, lanes);
    }
}
