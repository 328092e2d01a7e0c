package dev.heddle.lab;

import dev.heddle.lab.environment.Environment;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;

/// Says what Heddle runs on.
@Command(
        name = "env",
        description = "Show the version, JVM, kernels, vector width, BLAS, threads and machine.",
        mixinStandardHelpOptions = true)
final class EnvCommand implements Runnable {
    @Spec private CommandSpec spec;

    @Override
    public void run() {
        PrintWriter out = spec.commandLine().getOut();
        Environment.describe().forEach((name, value) -> out.printf("%-13s %s%n", name, value));
    }
}
