package dev.heddle.models;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/// Files that belong to others and are never copied into the project: models, texts and their reference outputs.
///
/// They are looked for under the system property `heddle.data`, by default `../shared/data` beside the project's root. A
/// test that needs an absent one is skipped.
public final class SharedData {
    private SharedData() {}

    public static Path file(String name) {
        String configured = System.getProperty("heddle.data");
        Path folder = configured == null ? root().resolve("../shared/data") : Path.of(configured);
        Path file = folder.resolve(name).normalize();
        assumeTrue(Files.exists(file), () -> file + " is absent; set -Dheddle.data to the folder that holds " + name);
        return file;
    }

    // Tests run in a module's folder; the project's root is the last one above that has a pom.
    private static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && Files.exists(folder.getParent().resolve("pom.xml"))) {
            folder = folder.getParent();
        }
        return folder;
    }
}
