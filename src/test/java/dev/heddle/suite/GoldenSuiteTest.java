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
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/// Every golden file, on the reference kernels and on the fused ones.
class GoldenSuiteTest {
    // A double run differs in the order of its sums only: 1e-10 where the file allows a float 1e-4.
    private static final double DOUBLE_RATIO = 1e-6;

    // The file takes relu's derivative at 0 to be 1, its specification (and PyTorch) 0; nothing else in it differs.
    private static final Map<String, Set<String>> DISPUTED = Map.of("mlp/activation-curves", Set.of("out.d_relu"));

    @TestFactory
    Stream<DynamicTest> doublePrecisionGivesTheOfficialNumbers() {
        return files(
                file -> {
                    GoldenResult result = check(file, Precision.F64);
                    for (TensorComparison tensor : undisputed(result)) {
                        assertThat(tensor.ratio()).as(result.line()).isLessThanOrEqualTo(DOUBLE_RATIO);
                    }
                });
    }

    @TestFactory
    Stream<DynamicTest> singlePrecisionIsWithinTheFilesTolerance() {
        return files(file -> check(file, Precision.F32));
    }

    private static GoldenResult check(Path file, Precision precision) {
        GoldenResult result = Golden.check(file, CatalogueCase.CATALOG, precision);
        if (!disputed(result).isEmpty() && !result.tensors().isEmpty()) {
            assertThat(undisputed(result)).as(result.reason()).allMatch(TensorComparison::passed);
            return result;
        }
        return result.orThrow();
    }

    private static List<TensorComparison> undisputed(GoldenResult result) {
        return result.tensors().stream().filter(tensor -> !disputed(result).contains(tensor.name())).toList();
    }

    private static Set<String> disputed(GoldenResult result) {
        return DISPUTED.getOrDefault(result.variant() + "/" + result.caseName(), Set.of());
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
