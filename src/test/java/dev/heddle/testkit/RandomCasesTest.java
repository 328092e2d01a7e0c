package dev.heddle.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;

class RandomCasesTest {
    @Test
    void sameNameGivesSameCases() {
        assertThat(RandomCases.of("law").primes(4, 2, 40)).isEqualTo(RandomCases.of("law").primes(4, 2, 40));
        assertThat(RandomCases.of("law").seed()).isNotEqualTo(RandomCases.of("other law").seed());
        assertThat(RandomCases.stream("law", 9).map(RandomCases::seed).distinct()).hasSize(9);
    }

    @Test
    void primesAreDifferentPrimes() {
        int[] primes = RandomCases.of("primes").primes(6, 2, 13);
        assertThat(primes).containsExactlyInAnyOrder(2, 3, 5, 7, 11, 13);
        assertThatThrownBy(() -> RandomCases.of("primes").primes(7, 2, 13)).isInstanceOf(ConfigException.class);
    }

    @Test
    void configTakesOneOfTheChoices() {
        Config config = RandomCases.of("config").config(Config.empty().with("a", 1), Map.of("b", List.of(2, 3)));
        assertThat(config.integer("a")).isEqualTo(1);
        assertThat(config.integer("b")).isBetween(2, 3);
    }

    @Test
    void textSaysHowToRunAgain() {
        assertThat(RandomCases.of("law")).hasToString("law [-Dheddle.seed=" + RandomCases.base().value() + "]");
    }
}
