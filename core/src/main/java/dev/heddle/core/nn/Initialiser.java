package dev.heddle.core.nn;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;

/// How a parameter's first values are drawn, in F32.
@FunctionalInterface
public interface Initialiser {
    Tensor create(Shape shape, Seed seed);

    /// These values times a factor.
    default Initialiser scaled(double factor) {
        return factor == 1 ? this : (shape, seed) -> Arithmetic.scale(create(shape, seed), factor);
    }

    /// The same value everywhere.
    static Initialiser constant(double value) {
        return (shape, seed) -> Tensor.full(DType.F32, shape, value);
    }

    /// Gaussian with mean 0.
    static Initialiser normal(double deviation) {
        return (shape, seed) -> draw(shape, seed, random -> random.nextGaussian() * deviation);
    }

    /// Uniform in `[−bound, bound]`.
    static Initialiser uniform(double bound) {
        return (shape, seed) -> draw(shape, seed, random -> (2 * random.nextDouble() - 1) * bound);
    }

    /// Glorot uniform of a weight `[out, in]`: bound `gain·√(6/(in + out))`.
    static Initialiser xavierUniform(double gain) {
        return (shape, seed) -> uniform(gain * Math.sqrt(6.0 / (shape.dim(0) + shape.dim(1)))).create(shape, seed);
    }

    private static Tensor draw(Shape shape, Seed seed, ToDoubleFunction<RandomGenerator> distribution) {
        RandomGenerator random = seed.generator();
        Tensor values = Tensor.uninitialised(DType.F32, shape);
        for (long i = 0; i < shape.elements(); i++) {
            Native.setFloat(values.address() + i * Float.BYTES, (float) distribution.applyAsDouble(random));
        }
        return values;
    }
}
