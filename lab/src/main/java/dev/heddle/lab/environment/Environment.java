package dev.heddle.lab.environment;

import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Parallel;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// What Heddle runs on: what a figure measured on this machine needs beside it.
public final class Environment {
    private Environment() {}

    /// Names and values, in the order to print them.
    public static Map<String, String> describe() {
        Runtime runtime = Runtime.getRuntime();
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("heddle", version());
        facts.put("java", System.getProperty("java.version") + " (" + System.getProperty("java.vendor") + ")");
        facts.put("jvm", System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version"));
        facts.put("kernels", KernelProvider.description());
        facts.put("blas", Blas.description());
        facts.put("threads", Parallel.threads() + " of " + runtime.availableProcessors() + " processors");
        facts.put("heap limit", runtime.maxMemory() / (1 << 20) + " MiB");
        facts.put("processor", processor());
        facts.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        facts.put("architecture", System.getProperty("os.arch"));
        return facts;
    }

    /// The version and, where Heddle runs from its own source tree, the commit.
    public static String version() {
        return Version.number() + commit().map(commit -> " (" + commit + ")").orElse("");
    }

    private static String processor() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(System.getProperty("os.arch"));
        } catch (IOException e) {
            return System.getProperty("os.arch");
        }
    }

    private static Optional<String> commit() {
        return sourceTree().flatMap(Environment::describeCommit);
    }

    // The launcher's folder, above the classes or the jar; a jar in a local repository has none above it.
    private static Optional<Path> sourceTree() {
        try {
            Path code = Path.of(Environment.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            return Stream.iterate(code, path -> path != null, Path::getParent)
                    .filter(path -> Files.isRegularFile(path.resolve("heddle")) && Files.exists(path.resolve(".git")))
                    .findFirst();
        } catch (URISyntaxException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> describeCommit(Path tree) {
        try {
            Process git =
                    new ProcessBuilder("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
                            .directory(tree.toFile())
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            String commit = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            boolean done = git.waitFor(5, TimeUnit.SECONDS) && git.exitValue() == 0;
            return done && !commit.isEmpty() ? Optional.of(commit) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
