package dev.heddle.suite;

import dev.heddle.core.catalog.Subject;
import dev.heddle.testkit.CostAudit;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Every variant costs what its line in the catalogue promises.
class CostTest {
    @TestFactory
    Stream<DynamicTest> costIsWhatIsPromised() {
        return CatalogueCase.tests(
                one -> {
                    Subject subject = one.build();
                    int[] lengths =
                            IntStream.of(1, 7, 67).map(n -> Math.min(n, subject.longest())).distinct().toArray();
                    CostAudit.of(subject).check(one.seed(), lengths).orThrow();
                });
    }
}
