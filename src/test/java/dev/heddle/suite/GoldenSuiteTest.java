package dev.heddle.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.heddle.testkit.Golden;
import dev.heddle.testkit.GoldenResult;
import dev.heddle.testkit.Precision;
import dev.heddle.testkit.TensorComparison;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.nio.file.Path;
import java.util.stream.Stream;

/// Every golden file, on the reference kernels and on the fused ones.
class GoldenSuiteTest {
    // A double run differs in the order of its sums only: 1e-10 where the file allows a float 1e-4.
    private static final double DOUBLE_RATIO = 1e-6;

    @TestFactory
    Stream<DynamicTest> doublePrecisionGivesTheOfficialNumbers() {
        return files(
                file -> {
                    GoldenResult result = check(file, Precision.F64);
                    for (TensorComparison tensor : result.tensors()) {
                        assertThat(tensor.ratio()).as(result.line()).isLessThanOrEqualTo(DOUBLE_RATIO);
                    }
                });
    }

    @TestFactory
    Stream<DynamicTest> singlePrecisionIsWithinTheFilesTolerance() {
        return files(file -> check(file, Precision.F32));
    }

    private static GoldenResult check(Path file, Precision precision) {
        return Golden.check(file, CatalogueCase.CATALOG, precision).orThrow();
    }

    private static Stream<DynamicTest> files(Check check) {
        return GoldenFiles.all().stream()
                .map(
                        file -> {
                            String id = file.getParent().getFileName().toString();
                            return DynamicTest.dynamicTest(
                                    id + "/" + file.getFileName(),
                                    () -> {
                                        assumeTrue(
                                                CatalogueCase.CATALOG.contains(id),
                                                "'" + id + "' is not in the catalogue");
                                        check.run(file);
                                    });
                        });
    }

    private interface Check {
        void run(Path file);
    }
}
