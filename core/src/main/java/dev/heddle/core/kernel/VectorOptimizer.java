package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.Lanes.COUNT;
import static dev.heddle.core.kernel.Lanes.all;
import static dev.heddle.core.kernel.Lanes.first;
import static dev.heddle.core.kernel.Lanes.load;
import static dev.heddle.core.kernel.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The AdamW update with its constants folded: `keep = 1 − lr·decay`, `rate = lr/correction1`,
/// `inverseRoot = 1/√correction2`.
record VectorOptimizer(
        float gradientScale, float beta1, float beta2, float eps, float keep, float rate, float inverseRoot) {

    void step(long p, long g, long m, long v, int n) {
        int i = 0;
        for (; i <= n - COUNT; i += COUNT) {
            FloatVector gradient = load(g + 4L * i).mul(gradientScale);
            FloatVector first = firstMoment(load(m + 4L * i), gradient);
            FloatVector second = secondMoment(load(v + 4L * i), gradient);
            store(first, m + 4L * i);
            store(second, v + 4L * i);
            store(moved(load(p + 4L * i), first, second), p + 4L * i);
        }
        if (i < n) {
            VectorMask<Float> tail = first(n - i);
            FloatVector gradient = load(g + 4L * i, tail).mul(gradientScale);
            FloatVector first = firstMoment(load(m + 4L * i, tail), gradient);
            FloatVector second = secondMoment(load(v + 4L * i, tail), gradient);
            store(first, m + 4L * i, tail);
            store(second, v + 4L * i, tail);
            store(moved(load(p + 4L * i, tail), first, second), p + 4L * i, tail);
        }
    }

    private FloatVector firstMoment(FloatVector m, FloatVector gradient) {
        return m.fma(all(beta1), gradient.mul(1 - beta1));
    }

    private FloatVector secondMoment(FloatVector v, FloatVector gradient) {
        return v.fma(all(beta2), gradient.mul(gradient).mul(1 - beta2));
    }

    private FloatVector moved(FloatVector p, FloatVector first, FloatVector second) {
        FloatVector divisor = second.lanewise(VectorOperators.SQRT).fma(all(inverseRoot), all(eps));
        return p.fma(all(keep), first.mul(-rate).div(divisor));
    }
}
