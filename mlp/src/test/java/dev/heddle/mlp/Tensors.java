package dev.heddle.mlp;

import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Small helpers of this package's tests.
final class Tensors {
    private Tensors() {}

    static Tensor random(String name, int... sizes) {
        return Initialiser.normal(1).create(Shape.of(sizes), Seed.of(7).split(name)).cast(DType.F64);
    }

    static double difference(Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new AssertionError(a.shape() + " is not " + b.shape());
        }
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }
}
