package dev.heddle.core.tensor;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// The source of all randomness: an explicit value, split by name for each use, so that adding a use somewhere does not
/// change the numbers drawn elsewhere. Same seed, same bits.
///
/// @param value the 64 bits
public record Seed(long value) {
    private static final RandomGeneratorFactory<RandomGenerator> FACTORY =
            RandomGeneratorFactory.of("L64X128MixRandom");

    public static Seed of(long value) {
        return new Seed(value);
    }

    /// The seed of a named use.
    public Seed split(String name) {
        long mixed = mix(value);
        for (int i = 0; i < name.length(); i++) {
            mixed = mix(mixed + name.charAt(i));
        }
        return new Seed(mix(mixed ^ name.length()));
    }

    /// The seed of a numbered use: a layer, a step.
    public Seed split(long index) {
        return new Seed(mix(mix(value ^ 0x5851F42D4C957F2DL) + index));
    }

    /// A fresh generator that starts from this seed.
    public RandomGenerator generator() {
        return FACTORY.create(value);
    }

    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    private static long mix(long z) {
        long x = z + 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
