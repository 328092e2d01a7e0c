package dev.heddle.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SeedTest {
    @Test
    void theSameSeedDrawsTheSameNumbers() {
        assertThat(Seed.of(7).split("a").generator().nextLong())
                .isEqualTo(Seed.of(7).split("a").generator().nextLong());
    }

    @Test
    void differentUsesDrawDifferentNumbers() {
        Seed seed = Seed.of(7);
        assertThat(
                        new long[] {
                            seed.value(),
                            seed.split("a").value(),
                            seed.split("b").value(),
                            seed.split("").value(),
                            seed.split(0).value(),
                            seed.split(1).value(),
                            Seed.of(8).split("a").value()
                        })
                .doesNotHaveDuplicates();
    }
}
