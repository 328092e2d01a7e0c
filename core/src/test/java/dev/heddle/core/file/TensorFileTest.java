package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

class TensorFileTest {
    @TempDir Path directory;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = directory.resolve("model.safetensors");
    }

    @Test
    void tensorsOfEveryTypeComeBackAsTheyWere() {
        Tensor floats = Tensor.of(new float[] {1, Float.NaN, -0f, 4, 5, 6}, 2, 3);
        Tensor doubles = Tensor.scalar(DType.F64, Math.E);
        Tensor ints = Tensor.of(new int[] {Integer.MIN_VALUE, 7, 0}, 1, 3);
        Tensor flags = Tensor.of(new boolean[] {true, false, true}, 3);
        new SafetensorsWriter()
                .add("floats", floats)
                .add("doubles", doubles)
                .add("ints", ints)
                .add("flags", flags)
                .add("empty", Tensor.zeros(DType.F32, 5, 0))
                .write(path);

        Tensor read;
        try (var file = Safetensors.open(path)) {
            assertThat(file.tensor("doubles").dtype()).isEqualTo(DType.F64);
            assertThat(file.tensor("doubles").item()).isEqualTo(Math.E);
            assertThat(file.tensor("ints").toInts()).containsExactly(Integer.MIN_VALUE, 7, 0);
            assertThat(file.tensor("flags").toBooleans()).containsExactly(true, false, true);
            assertThat(file.tensor("empty").shape()).isEqualTo(Shape.of(5, 0));
            read = file.tensor("floats");
        }
        assertThat(read.shape()).isEqualTo(Shape.of(2, 3));
        assertThat(read.dtype()).isEqualTo(DType.F32);
        assertThat(read.toFloats()).as("after the file is closed").containsExactly(1, Float.NaN, -0f, 4, 5, 6);
    }

    @Test
    void aTensorIsReadInAnotherTypeOfItsKind() {
        new SafetensorsWriter()
                .add(StoredTensor.of("wide", new double[] {1 / 3.0}, 1))
                .add(
                        new StoredTensor(
                                "bytes", StoredType.U8, new long[] {2}, MemorySegment.ofArray(new byte[] {3, -1})))
                .write(path);
        try (var file = Safetensors.open(path)) {
            assertThat(file.tensor("wide", DType.F32).toFloats()).containsExactly(1 / 3f);
            assertThat(file.tensor("wide", DType.F64).toDoubles()).containsExactly(1 / 3.0);
            assertThat(file.tensor("bytes").toInts()).containsExactly(3, 255);
            assertThatThrownBy(() -> file.tensor("wide", DType.I32))
                    .isInstanceOf(FileFormatException.class)
                    .hasMessageEndingWith("'wide' is stored as F64, not readable as i32; read it as f32 or f64");
            assertThatThrownBy(() -> file.tensor("bytes", DType.BOOL)).isInstanceOf(FileFormatException.class);
            assertThatThrownBy(() -> file.tensor("bytes", DType.F32)).isInstanceOf(FileFormatException.class);
        }
    }

    @Test
    void anAxisTooLongForATensorIsRefused() {
        try (var file =
                RawFile.open(
                        RawFile.of("{\"t\":{\"dtype\":\"U8\",\"shape\":[0,2147483648],\"data_offsets\":[0,0]}}", 0))) {
            assertThatThrownBy(() -> file.tensor("t"))
                    .isInstanceOf(FileFormatException.class)
                    .hasMessageContaining("'t' has the shape [0, 2147483648]; ");
        }
    }

    @Test
    void aTensorWhoseScopeHasEndedIsNotWritten() {
        var writer = new SafetensorsWriter();
        try (var scope = Scope.open()) {
            writer.add("gone", Tensor.zeros(DType.F32, 3));
        }
        assertThatThrownBy(() -> writer.write(path)).isInstanceOf(HeddleException.class).hasMessageContaining("scope");
        assertThat(Files.exists(path)).isFalse();
    }
}
