package dev.heddle.lab;

import dev.heddle.core.error.HeddleException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The folder of `--out`, tried before the work whose results go there.
final class OutputFolder {
    private OutputFolder() {}

    /// Makes the folder if it is not there.
    ///
    /// @throws HeddleException if it cannot be made or written to
    static void prepare(Path folder) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new HeddleException("out: '" + folder + "' cannot be made (it is a file); choose another --out");
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new HeddleException("out: '" + folder + "' cannot be made (" + e + "); choose another --out", e);
        }
        if (!Files.isWritable(folder)) {
            throw new HeddleException("out: '" + folder + "' cannot be written to; choose another --out");
        }
    }
}
