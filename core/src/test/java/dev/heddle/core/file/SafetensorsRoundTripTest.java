package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

class SafetensorsRoundTripTest {
    @TempDir Path directory;

    static Stream<Arguments> everyTypeInAwkwardShapes() {
        long[][] shapes = {{}, {0}, {1}, {7}, {3, 0, 5}, {2, 3, 5}, {1, 1, 1, 1, 1, 13}, {65_537}};
        return Arrays.stream(StoredType.values())
                .flatMap(type -> Arrays.stream(shapes).map(shape -> Arguments.of(type, shape)));
    }

    @ParameterizedTest
    @MethodSource("everyTypeInAwkwardShapes")
    void whatIsWrittenIsReadBack(StoredType type, long[] shape) {
        byte[] bytes = new byte[(int) Arrays.stream(shape).reduce(type.width(), (a, b) -> a * b)];
        new Random(17).nextBytes(bytes);
        Path path =
                write(
                        new SafetensorsWriter()
                                .add(
                                        new StoredTensor(
                                                "odd",
                                                StoredType.U8,
                                                new long[] {3},
                                                MemorySegment.ofArray(new byte[3])))
                                .add(new StoredTensor("it", type, shape, MemorySegment.ofArray(bytes))));

        try (var file = Safetensors.open(path)) {
            StoredTensor read = file.entry("it");
            assertThat(read.type()).isEqualTo(type);
            assertThat(read.shape()).isEqualTo(shape);
            assertThat(read.elements()).isEqualTo(bytes.length / type.width());
            assertThat(read.data().mismatch(MemorySegment.ofArray(bytes))).isEqualTo(-1);
        }
    }

    @Test
    void metadataAndNamesKeepTheirOrderAndText() {
        Path path =
                write(
                        new SafetensorsWriter()
                                .metadata("zeta", "first\n\"quoted\" \\ \u0000")
                                .metadata("alpha", "")
                                .add(StoredTensor.of("später/ключ/織機/🧵", new boolean[] {true, false}, 2))
                                .add(StoredTensor.of("", new double[] {Math.PI}))
                                .add(StoredTensor.of("a", new int[] {-7}, 1, 1)));

        try (var file = Safetensors.open(path)) {
            assertThat(file.metadata())
                    .containsExactly(Map.entry("zeta", "first\n\"quoted\" \\ \u0000"), Map.entry("alpha", ""));
            assertThat(file.entries().keySet()).containsExactly("später/ключ/織機/🧵", "", "a");
            assertThat(file.booleans("später/ключ/織機/🧵")).containsExactly(true, false);
            assertThat(file.doubles("")).containsExactly(Math.PI);
            assertThat(file.ints("a")).containsExactly(-7);
        }
    }

    @Test
    void aFileWithoutTensorsIsAFile() {
        try (var file = Safetensors.open(write(new SafetensorsWriter()))) {
            assertThat(file.entries()).isEmpty();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @Test
    void everyElementIsAlignedInTheFile() throws IOException {
        var writer = new SafetensorsWriter();
        for (StoredType type : StoredType.values()) {
            writer.add(
                    new StoredTensor(
                            "x".repeat(type.ordinal()) + type,
                            type,
                            new long[] {3},
                            MemorySegment.ofArray(new byte[3 * type.width()])));
        }
        Path path = write(writer);

        assertThat(ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8).isZero();
        try (var file = Safetensors.open(path)) {
            assertThat(file.entries().values())
                    .allSatisfy(it -> assertThat(it.data().address() % it.type().width()).isZero());
        }
    }

    @Test
    void theFormatIsTheDocumentedOne() throws IOException {
        Path path =
                write(
                        new SafetensorsWriter()
                                .metadata("k", "v")
                                .add(StoredTensor.of("b", new boolean[] {true}, 1))
                                .add(StoredTensor.of("f", new float[] {1, -2}, 2)));

        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] header = new byte[(int) bytes.getLong()];
        bytes.get(header);
        assertThat(new String(header).stripTrailing())
                .isEqualTo(
                        """
                {"__metadata__":{"k":"v"},\
                "b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]},\
                "f":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""");
        assertThat(bytes.getFloat()).isEqualTo(1);
        assertThat(bytes.getFloat()).isEqualTo(-2);
        assertThat(bytes.get()).isEqualTo((byte) 1);
        assertThat(bytes.hasRemaining()).isFalse();
    }

    @Test
    void aFileOfMoreThanTwoGibibytesIsRead() throws IOException {
        long bytes = 3L << 30;
        byte[] start =
                RawFile.of(
                        "{\"big\":{\"dtype\":\"I8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}".formatted(bytes, bytes),
                        0);
        Path path = directory.resolve("big.safetensors");
        // Sparse: only the two ends take room on the disk.
        try (var channel =
                Files.newByteChannel(
                        path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(ByteBuffer.wrap(start));
            channel.position(start.length + bytes - 1).write(ByteBuffer.wrap(new byte[] {42}));
        }
        try (var file = Safetensors.open(path)) {
            StoredTensor big = file.entry("big");
            assertThat(big.elements()).isEqualTo(bytes);
            assertThat(big.data().get(ValueLayout.JAVA_BYTE, bytes - 1)).isEqualTo((byte) 42);
        }
    }

    private Path write(SafetensorsWriter writer) {
        Path path = directory.resolve("file.safetensors");
        writer.write(path);
        return path;
    }
}
