package dev.heddle.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.file.StoredTensor;
import dev.heddle.core.file.StoredType;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Memory;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.testkit.GoldenResult.Status;
import dev.heddle.testkit.Toy.Lie;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;

class GoldenTest {
    @TempDir private Path folder;

    private final ToyGoldenFile golden = new ToyGoldenFile(5, 7);

    private GoldenResult check(Lie lie) {
        return Golden.check(golden.write(folder.resolve("plain.safetensors")), Toy.catalog(lie), Precision.BOTH);
    }

    private static Tensor spoilt(Tensor tensor, int index, double value) {
        double[] values = tensor.toDoubles();
        values[index] = value;
        return Tensor.of(values, tensor.shape().toArray());
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void honestVariantPasses(Precision precision) {
        Path file = golden.write(folder.resolve("plain.safetensors"));
        GoldenResult result = Golden.check(file, Toy.catalog(), precision).orThrow();
        assertThat(result.tensors()).hasSize(6);
        assertThat(result.line()).matches("PASS toy/plain \\S+ \\S+ \\S+");
    }

    @Test
    void doublePrecisionAgreesToRounding() {
        Path file = golden.write(folder.resolve("plain.safetensors"));
        assertThat(Golden.check(file, Toy.catalog(), Precision.F64).worst().orElseThrow().maxRel()).isLessThan(1e-12);
    }

    @ParameterizedTest
    @CsvSource({
        "OUTPUT, out.y",
        "GRADIENT, grad.in.x",
        "NOT_A_NUMBER, out.y",
        "DETACHED, grad.in.x",
        "MISSING_OUTPUT, out.y"
    })
    void liesFail(Lie lie, String tensor) {
        GoldenResult result = check(lie);
        assertThat(result.status()).isEqualTo(Status.FAIL);
        assertThat(result.reason()).contains(tensor);
        assertThatThrownBy(result::orThrow).isInstanceOf(AssertionError.class).hasMessageContaining("FAIL toy/plain");
    }

    @Test
    void crashOfTheVariantIsAFailure() {
        assertThat(check(Lie.CRASH).line()).isEqualTo("FAIL toy/plain - - -");
    }

    @ParameterizedTest
    @EnumSource(
            value = Lie.class,
            names = {"NOTHING", "FORM_UNTRAINED"})
    void whatAFormLacksComesFromTheParallelOne(Lie lie) {
        golden.metadata.put("mode", "recurrent");
        check(lie).orThrow();
    }

    @Test
    void formOfTheFileIsJudged() {
        golden.metadata.put("mode", "recurrent");
        golden.metadata.put("rtol", "1e-9");
        golden.metadata.put("atol", "1e-9");
        Path file = golden.write(folder.resolve("recurrent.safetensors"));
        assertThat(Golden.check(file, Toy.catalog(Lie.FORM), Precision.F64).reason()).contains("out.y");
    }

    @Test
    void unknownVariantIsUnsupported() {
        golden.metadata.put("variant", "unheard-of");
        assertThat(check(Lie.NOTHING).line()).isEqualTo("UNSUPPORTED unheard-of/plain - - -");
    }

    @ParameterizedTest
    @ValueSource(strings = {"out.y", "grad.in.x", "grad.w.w", "grad_energy.in.x", "out.grad_norm", "out.energy"})
    void everyTensorCounts(String name) {
        Tensor tensor = golden.tensors.get(name);
        golden.tensors.put(name, spoilt(tensor, 0, tensor.at(0) * 1.0001 + 1e-4));
        GoldenResult result = check(Lie.NOTHING);
        assertThat(result.status()).isEqualTo(Status.FAIL);
        assertThat(result.worst().orElseThrow().name()).isEqualTo(name);
    }

    @Test
    void notANumberIsNeverEqual() {
        golden.tensors.put("out.y", spoilt(golden.tensors.get("out.y"), 3, Double.NaN));
        assertThat(check(Lie.NOT_A_NUMBER).status()).isEqualTo(Status.FAIL);
    }

    @Test
    void infinitiesMustBeEqual() {
        TensorComparison.Expected infinite =
                new TensorComparison.Expected(Shape.of(1), new double[] {Double.NEGATIVE_INFINITY}, false);
        Tolerance tolerance = new Tolerance(1e-3, 1e-3);
        assertThat(compare(Double.NEGATIVE_INFINITY, infinite, tolerance).passed()).isTrue();
        assertThat(compare(Double.POSITIVE_INFINITY, infinite, tolerance).passed()).isFalse();
        assertThat(compare(-1e300, infinite, tolerance).passed()).isFalse();
    }

    private static TensorComparison compare(double found, TensorComparison.Expected expected, Tolerance tolerance) {
        return TensorComparison.of("out.y", Tensor.of(new double[] {found}, 1), expected, tolerance);
    }

    @Test
    void integersAndBooleansAreExact() {
        golden.tensors.put("out.y", Tensor.of(new int[] {1}, 1));
        golden.tensors.put("in.mask", Tensor.of(new boolean[] {true}, 1));
        assertThat(check(Lie.NOTHING).reason()).contains("out.y has the shape");
        TensorComparison.Expected one = new TensorComparison.Expected(Shape.of(), new double[] {1}, true);
        assertThat(compare(1 + 1e-12, one, new Tolerance(0.1, 0.1)).passed()).isFalse();
    }

    @Test
    void integersOfSixtyFourBitsAreExpectedWhole() {
        long[] hashes = {1L << 62, -3};
        MemorySegment data = Arena.ofAuto().allocate(16);
        MemorySegment.copy(hashes, 0, data, ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN), 0, hashes.length);
        Path file = folder.resolve("hashes.safetensors");
        new SafetensorsWriter().add(new StoredTensor("out.h", StoredType.I64, new long[] {2, 1}, data)).write(file);
        try (Safetensors tensors = Safetensors.open(file)) {
            TensorComparison.Expected expected = new GoldenFile(tensors).expected("out.h");
            assertThat(expected.shape()).isEqualTo(Shape.of(2, 1));
            assertThat(expected.values()).containsExactly(0x1p62, -3);
            assertThat(expected.exact()).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "rtol, inf",
        "atol, Infinity",
        "atol, -1",
        "rtol, NaN",
        "rtol, 2",
        "config, '{\"width\": 6}'",
        "config, '{\"width\": 5, \"wdth\": 5}'",
        "config, '{'",
        "config, '{\"width\": 2000000000}'",
        "config, '{\"width\": 60000}'",
        "config, '{\"width\": 2147483648}'",
        "config, '{\"width\": -5}'",
        "config, '{\"width\": 5.5}'",
        "config, '{\"width\": NaN}'",
        "config, '{\"width\": \"5\"}'",
        "config, '{\"width\": null}'",
        "config, '{\"width\": [5]}'"
    })
    void lyingMetadataFails(String key, String value) {
        golden.metadata.put(key, value);
        GoldenResult result = check(Lie.NOTHING);
        assertThat(result.status()).isEqualTo(Status.FAIL);
        assertThat(result.reason()).isNotEmpty().doesNotContain("java.", "\n").hasSizeLessThan(300);
    }

    @Test
    void configThatAsksForMoreThanTheWeightsIsRefusedBeforeItIsAllocated() {
        golden.metadata.put("config", "{\"width\": 60000}");
        long before = Memory.liveBytes();
        GoldenResult result = check(Lie.NOTHING);
        assertThat(result.reason()).contains("config: asks for more than the", "weights");
        assertThat(Memory.liveBytes() - before).isLessThan(1 << 25);
    }

    @ParameterizedTest
    @CsvSource({"w.w", "in.x", "in.cotangent", "out.y", "grad.in.x"})
    void emptyTensorOfHugeSizesIsRefused(String name) {
        golden.tensors.put(name, Tensor.zeros(DType.F32, Integer.MAX_VALUE, 0));
        assertThat(check(Lie.NOTHING).reason()).contains(name, "larger sizes than numbers");
    }

    @Test
    void weightsOfWholeNumbersAreRefused() {
        golden.tensors.put("w.w", Tensor.zeros(DType.I32, golden.tensors.get("w.w").shape()));
        assertThat(check(Lie.NOTHING).reason()).contains("weight w: found I32", "floating");
    }

    @ParameterizedTest
    @ValueSource(strings = {"variant", "case", "config", "rtol", "atol"})
    void missingMetadataFails(String key) {
        golden.metadata.remove(key);
        assertThat(check(Lie.NOTHING).reason()).contains("'" + key + "'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"w.w", "in.x", "in.cotangent"})
    void missingTensorFails(String name) {
        golden.tensors.remove(name);
        assertThat(check(Lie.NOTHING).status()).isEqualTo(Status.FAIL);
    }

    @Test
    void fileWithNothingToCompareFails() {
        golden.tensors.keySet().removeIf(name -> name.startsWith("out.") || name.startsWith("grad"));
        assertThat(check(Lie.NOTHING).status()).isEqualTo(Status.FAIL);
    }

    @Test
    void unknownPrefixFails() {
        golden.tensors.put("surprise", Tensor.of(new int[] {1}, 1));
        assertThat(check(Lie.NOTHING).reason()).contains("surprise");
    }

    @Test
    void lineStaysOneLine() {
        golden.metadata.put("case", "two\nlines and\tspaces");
        assertThat(check(Lie.NOTHING).line()).matches("PASS toy/two_lines_and_spaces \\S+ \\S+ \\S+");
    }

    @Test
    void jsonHasNoNotANumber() {
        String json = check(Lie.NOT_A_NUMBER).toJson();
        assertThat(json)
                .contains("\"status\":\"FAIL\"", "\"max_abs\":null", "\"worst_tensor\"")
                .doesNotContain("NaN\",");
    }

    @Test
    void extraOutputsOfTheVariantDoNoHarm() {
        golden.tensors.keySet().removeAll(Map.of("out.energy", "", "grad_energy.in.x", "").keySet());
        assertThat(check(Lie.NOTHING).status()).isEqualTo(Status.PASS);
    }
}
