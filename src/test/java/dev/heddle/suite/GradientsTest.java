package dev.heddle.suite;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.testkit.GradientCheck;
import dev.heddle.testkit.RandomCases;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.util.stream.Stream;

/// Every gradient is that of the function that is computed.
class GradientsTest {
    @TestFactory
    Stream<DynamicTest> gradientsAgreeWithCentralDifferences() {
        return CatalogueCase.tests(
                one -> {
                    Subject subject = one.build();
                    RandomCases random = one.random("gradients agree");
                    GradientCheck.of(subject, Form.PARALLEL)
                            .with(3, 1e-6)
                            .sample(
                                    random.between(1, 2),
                                    random.between(2, Math.min(9, subject.longest())),
                                    random.seed())
                            .orThrow();
                });
    }
}
