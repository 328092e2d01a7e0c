package dev.heddle.core.ops;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.random.RandomGenerator;

/// Inverted dropout: every element is zeroed with probability p, and the others are scaled by 1/(1−p).
public final class Dropout {
    private Dropout() {}

    /// @throws ConfigException if the probability is outside `[0, 1)`
    public static double checked(double probability) {
        if (!(probability >= 0 && probability < 1)) {
            throw new ConfigException(
                    "dropout: probability " + probability + " is outside [0, 1); use for example 0.1");
        }
        return probability;
    }

    /// `x` with dropout; the same seed drops the same elements.
    public static Tensor apply(Tensor x, double probability, Seed seed) {
        if (checked(probability) == 0) {
            return x;
        }
        return Arithmetic.multiply(x, mask(x, probability, seed));
    }

    private static Tensor mask(Tensor x, double probability, Seed seed) {
        RandomGenerator random = seed.generator();
        float scale = (float) (1 / (1 - probability));
        float[] mask = new float[Math.toIntExact(x.elements())];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = random.nextFloat() < probability ? 0 : scale;
        }
        Tensor result = Tensor.of(mask, x.shape().toArray());
        return x.dtype() == DType.F64 ? result.cast(DType.F64) : result;
    }
}
