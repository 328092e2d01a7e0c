package dev.heddle.suite;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

import java.util.stream.Stream;

/// What every line of the catalogue owes the suite, so that nothing in it escapes a test.
class CatalogueTest {
    @TestFactory
    Stream<DynamicTest> everyVariantSaysWhatItIsAndBringsExamples() {
        return CatalogueCase.CATALOG.variants().stream()
                .map(variant -> DynamicTest.dynamicTest(variant.id(), () -> isComplete(variant)));
    }

    private static void isComplete(Variant variant) {
        assertThat(variant.summary()).as("summary").isNotBlank();
        assertThat(variant.source()).as("source").isNotBlank();
        assertThat(variant.family()).as("family").isNotBlank();
        assertThat(variant.forms()).contains(Form.Kind.PARALLEL);
        assertThat(variant.examples()).as("examples").isNotEmpty();
    }

    @TestFactory
    Stream<DynamicTest> everyVariantHasGoldenFiles() {
        return CatalogueCase.CATALOG.variants().stream()
                .map(
                        variant ->
                                DynamicTest.dynamicTest(
                                        variant.id(), () -> assertThat(GoldenFiles.of(variant.id())).isNotEmpty()));
    }

    @Test
    void uninitialisedMemoryIsNotANumberInThisSuite() {
        assertThat(Tensor.uninitialised(DType.F32, 3).toDoubles()).containsOnly(Double.NaN);
        assertThat(Tensor.uninitialised(DType.F64, 3).toDoubles()).containsOnly(Double.NaN);
    }
}
