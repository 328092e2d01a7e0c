package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.HeddleException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

class AtomicFileTest {
    @TempDir Path directory;

    /// Takes a few bytes at a time until it is full, as a disk does.
    private record FullDisk(WritableByteChannel disk, int[] room) implements WritableByteChannel {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
            int count = Math.min(Math.min(bytes.remaining(), 7), room[0]);
            if (count == 0) {
                throw new IOException("No space left on device");
            }
            room[0] -= disk.write(bytes.slice().limit(count));
            bytes.position(bytes.position() + count);
            return count;
        }

        @Override
        public boolean isOpen() {
            return disk.isOpen();
        }

        @Override
        public void close() throws IOException {
            disk.close();
        }
    }

    private static void save(Path target, SafetensorsWriter writer, int room) {
        AtomicFile.write(target, channel -> writer.writeTo(new FullDisk(channel, new int[] {room}), target));
    }

    @Test
    void aFullDiskLeavesTheOldFileAndNoOther() throws IOException {
        Path target = directory.resolve("model.safetensors");
        var writer = new SafetensorsWriter().add(StoredTensor.of("w", new float[] {1, 2, 3}, 3));
        writer.write(target);
        byte[] old = Files.readAllBytes(target);

        for (int room = 0; room < old.length; room++) {
            int bytes = room;
            assertThatThrownBy(() -> save(target, writer, bytes))
                    .isInstanceOf(HeddleException.class)
                    .hasMessageStartingWith(target.toString())
                    .hasMessageContaining("No space left on device");
            assertThat(Files.readAllBytes(target)).isEqualTo(old);
            assertThat(files()).containsExactly("model.safetensors");
        }
    }

    @Test
    void aChannelThatTakesAFewBytesAtATimeGetsThemAll() throws IOException {
        var writer = new SafetensorsWriter().add(StoredTensor.of("w", new float[] {1, 2, 3}, 3));
        Path whole = directory.resolve("whole");
        Path piecewise = directory.resolve("piecewise");
        writer.write(whole);
        save(piecewise, writer, Integer.MAX_VALUE);
        assertThat(piecewise).hasSameBinaryContentAs(whole);
    }

    @Test
    void aFailureOfTheContentLeavesTheOldFileAndNoOther() throws IOException {
        Path target = Files.writeString(directory.resolve("log"), "old");
        assertThatThrownBy(
                        () ->
                                AtomicFile.write(
                                        target,
                                        channel -> {
                                            channel.write(ByteBuffer.allocate(10));
                                            throw new IllegalStateException("bug");
                                        }))
                .isInstanceOf(IllegalStateException.class);
        assertThat(target).hasContent("old");
        assertThat(files()).containsExactly("log");
    }

    @Test
    void anOldFileIsReplacedWhileItIsRead() {
        Path target = directory.resolve("model.safetensors");
        new SafetensorsWriter().add(StoredTensor.of("w", new float[] {1})).write(target);
        try (var old = Safetensors.open(target)) {
            new SafetensorsWriter().add(StoredTensor.of("w", new float[] {2})).write(target);
            assertThat(old.floats("w")).containsExactly(1);
            try (var fresh = Safetensors.open(target)) {
                assertThat(fresh.floats("w")).containsExactly(2);
            }
        }
    }

    @Test
    void aPlaceThatCannotBeWrittenIsNamed() {
        Path target = directory.resolve("absent").resolve("model.safetensors");
        assertThatThrownBy(() -> new SafetensorsWriter().write(target))
                .isInstanceOf(HeddleException.class)
                .hasMessageStartingWith(target + ": could not be written");
        assertThatThrownBy(() -> new SafetensorsWriter().write(directory.getRoot()))
                .isInstanceOf(HeddleException.class);
    }

    @Test
    void namesThatCannotBeReadBackAreNotWritten() throws IOException {
        var writer = new SafetensorsWriter().add(StoredTensor.of("w", new float[] {1}));
        assertThatThrownBy(() -> writer.add(StoredTensor.of("w", new float[] {1})))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("'w' is taken");
        assertThatThrownBy(() -> writer.add(StoredTensor.of("__metadata__", new float[] {1})))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("reserved");

        Path target = directory.resolve("model.safetensors");
        for (String name : new String[] {"\ud800", "x".repeat(100_000)}) {
            var unreadable = new SafetensorsWriter().add(StoredTensor.of(name, new float[] {1}));
            assertThatThrownBy(() -> unreadable.write(target)).isInstanceOf(HeddleException.class);
        }
        var deep =
                new SafetensorsWriter()
                        .add(new StoredTensor("deep", StoredType.U8, new long[33], MemorySegment.ofArray(new byte[0])));
        assertThatThrownBy(() -> deep.write(target)).isInstanceOf(HeddleException.class);
        assertThat(files()).isEmpty();
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
