package dev.heddle.testkit;

import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.random.RandomGenerator;

/// Random gradients to send back through an output.
final class Cotangents {
    private Cotangents() {}

    /// Gaussian with deviation 1; the same seed gives the same values in every type, up to rounding.
    static Tensor draw(DType dtype, Shape shape, Seed seed) {
        RandomGenerator random = seed.generator();
        double[] values = new double[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape.toArray()).cast(dtype);
    }
}
