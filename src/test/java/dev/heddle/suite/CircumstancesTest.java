package dev.heddle.suite;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;

/// The same pass under other circumstances: in the other precision, without recording, twice, on more threads.
class CircumstancesTest {
    private static final int LENGTH = 43;
    private static final double FORWARD = 5e-5;

    @TestFactory
    Stream<DynamicTest> singlePrecisionAgreesWithDouble() {
        return CatalogueCase.tests(
                one -> agrees(one, Trace.of(one, LENGTH, DType.F32), Trace.of(one, LENGTH, DType.F64), FORWARD));
    }

    @TestFactory
    Stream<DynamicTest> recordingChangesNothing() {
        return CatalogueCase.tests(
                one -> {
                    Map<String, double[]> recorded = Trace.of(one, LENGTH, DType.F32);
                    recorded.keySet().removeIf(name -> name.startsWith("grad."));
                    agrees(one, Trace.inference(one, LENGTH, DType.F32), recorded, FORWARD);
                });
    }

    @TestFactory
    Stream<DynamicTest> threadsChangeNoBit() {
        int usual = Parallel.threads();
        return CatalogueCase.tests(
                one -> {
                    try {
                        Parallel.setThreads(1);
                        Map<String, double[]> single = Trace.of(one, LENGTH, DType.F32);
                        Parallel.setThreads(Math.max(4, usual));
                        Map<String, double[]> many = Trace.of(one, LENGTH, DType.F32);
                        assertThat(many.keySet()).isEqualTo(single.keySet());
                        single.forEach(
                                (name, values) ->
                                        assertThat(Arrays.equals(many.get(name), values))
                                                .as("%s: %s has the same bits, seed %s", one, name, one.seed())
                                                .isTrue());
                    } finally {
                        Parallel.setThreads(usual);
                    }
                });
    }

    private static void agrees(
            CatalogueCase one, Map<String, double[]> found, Map<String, double[]> expected, double tolerance) {
        Trace.Difference worst = Trace.difference(found, expected);
        assertThat(worst.error())
                .as("%s: %s, max|a−b|/(1+max|b|), seed %s", one, worst.tensor(), one.seed())
                .isLessThanOrEqualTo(tolerance);
    }
}
