package dev.heddle.lab.environment;

import picocli.CommandLine.IVersionProvider;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Properties;

/// Heddle's version, as the build wrote it.
public final class Version implements IVersionProvider {
    static String number() {
        var properties = new Properties();
        try (var in = Version.class.getResourceAsStream("/dev/heddle/lab/version.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version", "unknown");
    }

    @Override
    public String[] getVersion() {
        return new String[] {"heddle " + number()};
    }
}
