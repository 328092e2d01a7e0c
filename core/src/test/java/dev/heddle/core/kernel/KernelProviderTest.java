package dev.heddle.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The choice is made once a process, so every case is a process of its own.
class KernelProviderTest {
    private static final String MODULE = "--add-modules=jdk.incubator.vector";

    /// Prints which kernels run.
    static final class Probe {
        private Probe() {}

        static void main(String[] arguments) {
            KernelProvider.f32().affine(0, 1, 0, 0, 0);
            System.out.println(KernelProvider.description());
        }
    }

    private static String probe(String... flags) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Probe.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return output;
    }

    @Test
    void withoutTheModuleTheScalarKernelsRunAndOneWarningNamesTheFlag() throws Exception {
        assertThat(probe())
                .contains("scalar (the module jdk.incubator.vector is not present)")
                .containsOnlyOnce("--add-modules jdk.incubator.vector");
    }

    @Test
    void withTheModuleTheVectorKernelsRun() throws Exception {
        assertThat(probe(MODULE)).containsPattern("vector, \\d+ bits").doesNotContain("--add-modules");
    }

    @ParameterizedTest
    @ValueSource(ints = {128, 256, 512})
    void theWidthCanBeForced(int bits) throws Exception {
        assertThat(probe(MODULE, "-Dheddle.vector.bits=" + bits)).contains("vector, " + bits + " bits");
    }

    @Test
    void theScalarKernelsCanBeForced() throws Exception {
        assertThat(probe(MODULE, "-Dheddle.kernels=scalar")).contains("scalar (asked for by heddle.kernels)");
    }

    @Test
    void unknownSettingsAreRefused() throws Exception {
        assertThat(probe(MODULE, "-Dheddle.kernels=gpu")).contains("heddle.kernels: 'gpu' is not known; use vector or");
        assertThat(probe(MODULE, "-Dheddle.vector.bits=100")).contains("use 128, 256 or 512");
    }
}
