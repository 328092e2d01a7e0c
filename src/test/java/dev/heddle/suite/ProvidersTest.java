package dev.heddle.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.testkit.RandomCases;

import jdk.incubator.vector.VectorShape;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// The scalar kernels, and the vector kernels at every width, give what the kernels of this JVM give. A provider is chosen
/// once at start-up, so each of the others runs in a JVM of its own.
class ProvidersTest {
    private static final int LENGTH = 29;
    private static final double TOLERANCE = 5e-5;

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-Dheddle.kernels=scalar",
                "-Dheddle.vector.bits=128",
                "-Dheddle.vector.bits=256",
                "-Dheddle.vector.bits=512"
            })
    void everyProviderGivesTheSameWithinRounding(String choice) throws Exception {
        assumeTrue(bits(choice) <= VectorShape.preferredShape().vectorBitSize(), "this processor has no such vectors");
        Path file = folder.resolve("traces.safetensors");
        run(choice, file);
        try (Safetensors traces = Safetensors.open(file)) {
            CatalogueCase.all()
                    .forEach(
                            one -> {
                                Trace.Difference worst =
                                        Trace.difference(read(traces, prefix(one)), Trace.of(one, LENGTH, DType.F32));
                                assertThat(worst.error())
                                        .as("%s with %s: %s, max|a−b|/(1+max|b|)", one, choice, worst.tensor())
                                        .isLessThanOrEqualTo(TOLERANCE);
                            });
        }
    }

    private static int bits(String choice) {
        return choice.contains("bits") ? Integer.parseInt(choice.replaceAll("\\D", "")) : 0;
    }

    private static String prefix(CatalogueCase one) {
        return one.variant().id() + "#" + one.index() + " ";
    }

    private static Map<String, double[]> read(Safetensors traces, String prefix) {
        Map<String, double[]> trace = new LinkedHashMap<>();
        for (String name : traces.entries().keySet()) {
            if (name.startsWith(prefix)) {
                trace.put(name.substring(prefix.length()), traces.doubles(name));
            }
        }
        return trace;
    }

    private void run(String choice, Path file) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (argument.startsWith("--")) {
                command.add(argument);
            }
        }
        command.add("-Dheddle.poison=true");
        command.add("-Dheddle.seed=" + RandomCases.base().value());
        command.add(choice);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ProvidersTest.class.getName()));
        command.add(file.toString());
        Path log = folder.resolve("log.txt");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        boolean ended = process.waitFor(3, TimeUnit.MINUTES);
        if (!ended) {
            process.destroyForcibly();
        }
        assertThat(ended && process.exitValue() == 0).as("%s ran:%n%s", choice, Files.readString(log)).isTrue();
    }

    /// The other JVM: writes the traces of all cases into the file that the argument names.
    public static void main(String[] arguments) {
        SafetensorsWriter writer = new SafetensorsWriter();
        CatalogueCase.all()
                .forEach(
                        one ->
                                Trace.of(one, LENGTH, DType.F32)
                                        .forEach(
                                                (name, values) -> {
                                                    Tensor tensor = Tensor.of(values, values.length);
                                                    writer.add(prefix(one) + name, tensor);
                                                }));
        writer.write(Path.of(arguments[0]));
    }
}
