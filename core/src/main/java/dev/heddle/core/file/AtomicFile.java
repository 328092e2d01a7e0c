package dev.heddle.core.file;

import dev.heddle.core.error.HeddleException;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/// Replaces a file whole or not at all.
///
/// The content goes to a temporary file beside the target, is forced to the disk, and then takes the target's name in
/// one step. A reader sees the old file or the new one, and after a failure or a kill the old one is still there; a kill
/// may leave the temporary file (`.name.*.tmp`) behind.
public final class AtomicFile {
    /// Writes a file's bytes.
    @FunctionalInterface
    public interface Content {
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    private AtomicFile() {}

    /// @param target the file to make or replace, in a directory that exists
    /// @throws HeddleException if it cannot be written, for example because the disk is full; `target` is as before
    public static void write(Path target, Content content) {
        Path temporary = beside(target);
        try {
            try (var channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new HeddleException(
                    target
                            + ": could not be written ("
                            + e
                            + ") and is as it was before; "
                            + "check the free space, the directory and its permissions",
                    e);
        } finally {
            discard(temporary);
        }
    }

    private static Path beside(Path target) {
        Path name = target.getFileName();
        if (name == null) {
            throw new HeddleException(target + ": is a directory; give the path of a file");
        }
        return target.resolveSibling("." + name + "." + UUID.randomUUID() + ".tmp");
    }

    /// After success there is nothing left to delete; after a failure, that failure is the one worth reporting.
    private static void discard(Path temporary) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException ignored) {
            // The temporary file stays, under a name that says what it is.
        }
    }
}
