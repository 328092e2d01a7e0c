package dev.heddle.testkit;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Random sizes, shapes and configurations for tests, all from one seed.
///
/// The seed is fixed unless the system property `heddle.seed` gives another (a number, or `random` for a new one each
/// time), so that a test run is repeatable by default; every [Report] and every case's text says which it was.
///
/// ```java
/// RandomCases.stream("gqa equals mha", 5).map(random -> {
///     int[] sizes = random.primes(3, 2, 40);             // batch, length, heads: all different
///     Config config = random.config(base, Map.of("causal", List.of(true, false)));
///     …
/// });
/// ```
public final class RandomCases {
    /// The system property that sets the seed.
    public static final String PROPERTY = "heddle.seed";

    private static final long USUAL = 20_250_923;
    private static final Seed BASE = parse(System.getProperty(PROPERTY, ""));

    private final String name;
    private final Seed seed;
    private final RandomGenerator random;

    private RandomCases(String name, Seed seed) {
        this.name = name;
        this.seed = seed;
        this.random = seed.generator();
    }

    private static Seed parse(String text) {
        if (text.isEmpty()) {
            return Seed.of(USUAL);
        }
        if (text.equals("random")) {
            return Seed.of(System.nanoTime());
        }
        try {
            return Seed.of(Long.parseLong(text));
        } catch (NumberFormatException e) {
            throw new ConfigException(PROPERTY + ": '" + text + "' is no seed; use a whole number or 'random'", e);
        }
    }

    /// The seed that everything comes from.
    public static Seed base() {
        return BASE;
    }

    /// The random numbers of one named test: those of other tests do not change them.
    public static RandomCases of(String test) {
        return new RandomCases(test, BASE.split(test));
    }

    /// Several independent cases of one test.
    public static Stream<RandomCases> stream(String test, int count) {
        return IntStream.range(0, count)
                .mapToObj(index -> new RandomCases(test + " #" + index, BASE.split(test).split(index)));
    }

    /// The seed of this case.
    public Seed seed() {
        return seed;
    }

    /// A whole number from..to, both included.
    public int between(int from, int to) {
        return random.nextInt(from, to + 1);
    }

    /// A prime from..to.
    ///
    /// @throws ConfigException if there is none
    public int prime(int from, int to) {
        return primes(1, from, to)[0];
    }

    /// Different primes from..to, one for each axis of a shape: then no two axes can be mistaken for each other.
    ///
    /// @throws ConfigException if there are too few
    public int[] primes(int count, int from, int to) {
        List<Integer> primes =
                new ArrayList<>(IntStream.rangeClosed(from, to).filter(RandomCases::isPrime).boxed().toList());
        if (primes.size() < count) {
            throw new ConfigException(
                    "random cases: " + primes.size() + " primes in " + from + ".." + to + ", " + count + " asked for");
        }
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++) {
            chosen[i] = primes.remove(random.nextInt(primes.size()));
        }
        return chosen;
    }

    private static boolean isPrime(int number) {
        return number > 1 && IntStream.rangeClosed(2, (int) Math.sqrt(number)).noneMatch(d -> number % d == 0);
    }

    /// One of these.
    ///
    /// @throws ConfigException if there is none
    public <T> T pick(List<T> choices) {
        if (choices.isEmpty()) {
            throw new ConfigException("random cases: nothing to choose from; give at least one choice");
        }
        return choices.get(random.nextInt(choices.size()));
    }

    /// The configuration with one of the given values for each of the given keys.
    public Config config(Config base, Map<String, ? extends List<?>> choices) {
        Config config = base;
        for (Map.Entry<String, ? extends List<?>> choice : new TreeMap<>(choices).entrySet()) {
            config = config.with(choice.getKey(), pick(choice.getValue()));
        }
        return config;
    }

    /// The case and how to run it again.
    @Override
    public String toString() {
        return name + " [-D" + PROPERTY + "=" + BASE.value() + "]";
    }
}
