package dev.heddle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.file.Safetensors;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

class TrainCommandTest {
    @TempDir Path directory;

    private Path corpus;

    @BeforeEach
    void writeCorpus() {
        corpus = Fixtures.corpus(directory);
    }

    private String[] arguments(String out, String... more) {
        Map<String, String> usual =
                Map.of(
                        "--width",
                        "8",
                        "--depth",
                        "1",
                        "--heads",
                        "2",
                        "--context",
                        "8",
                        "--batch",
                        "3",
                        "--steps",
                        "20",
                        "--eval-every",
                        "10",
                        "--checkpoint-every",
                        "4",
                        "--corpus",
                        corpus.toString(),
                        "--out",
                        directory.resolve(out).toString());
        return Fixtures.options("train", usual, more);
    }

    private Run train(String out, String... more) {
        return Run.heddle(arguments(out, more));
    }

    private Map<String, List<Double>> state(String out) {
        Map<String, List<Double>> values = new TreeMap<>();
        try (var file = Safetensors.open(directory.resolve(out).resolve("training.safetensors"))) {
            for (String name : file.entries().keySet()) {
                if (!name.equals("history.seconds")) {
                    values.put(name, Arrays.stream(file.doubles(name)).boxed().toList());
                }
            }
        }
        return values;
    }

    @Test
    void aRunLeavesAModelThatGenerates() throws IOException {
        Run run = train("run");
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        assertThat(run.out()).contains("after 20 steps").contains("parameters");
        assertThat(Files.readString(directory.resolve("run/results.json"))).contains("corpus SHA-256", "\"seed\"");

        String model = directory.resolve("run/model.safetensors").toString();
        Run text = Run.heddle("generate", "--checkpoint", model, "--prompt", "the ", "--tokens", "4", "--seed", "1");
        assertThat(text.err()).isEmpty();
        assertThat(text.code()).isZero();
        assertThat(text.out()).startsWith("the ").hasSize(8 + System.lineSeparator().length());
    }

    @ParameterizedTest
    @CsvSource({"gpt,''", "llama,''", "stack,'--variant,gqa,--dropout,0.1'", "stack,'--variant,mqa+alibi'"})
    void everyPresetTrains(String preset, String more) {
        List<String> arguments = new ArrayList<>(List.of("--preset", preset));
        if (!more.isEmpty()) {
            arguments.addAll(List.of(more.replace('+', ';').split(",")));
        }
        arguments.replaceAll(argument -> argument.replace(';', ','));
        assertThat(train("run", arguments.toArray(String[]::new)).err()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "--width 0,'width: found 0; use 1 or more'",
        "--depth -2,'depth: found -2; use 1 or more'",
        "--heads 0,'heads: found 0; use 1 or more'",
        "--heads 3,'heads: width 8 is not divisible by 3 heads'",
        "--eval-every 0,'eval-every: found 0; use 1 or more'",
        "--eval-windows -1,'eval-windows: found -1; use 0 or more'",
        "--width 1000000000,memory: width 1000000000",
        "--depth 1000000000,memory: ",
        "--batch 2000000000,memory: ",
        "--variant mqa;gqa,both the mixer"
    })
    void sizesThatMakeNoSenseAreRefusedBeforeAnythingIsMade(String options, String message) {
        Run run = train("run", options.replace(';', ',').split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).startsWith("heddle: ").contains(message).hasLineCount(1);
        assertThat(run.out()).isEmpty();
        assertThat(directory.resolve("run")).doesNotExist();
    }

    @Test
    void aFileInPlaceOfTheFolderIsNamed() {
        Run run = train(directory.relativize(corpus).toString());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("cannot be made (it is a file)").hasLineCount(1);
    }

    @Test
    void aKilledRunContinuesToTheSameBits() throws Exception {
        assertThat(train("straight", "--dropout", "0.1", "--preset", "gpt").code()).isZero();

        List<String> command =
                new ArrayList<>(
                        List.of(
                                ProcessHandle.current().info().command().orElseThrow(),
                                "--add-modules",
                                "jdk.incubator.vector",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Main.class.getName()));
        command.addAll(List.of(arguments("killed", "--dropout", "0.1", "--preset", "gpt")));
        Process process =
                new ProcessBuilder(command)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        Path checkpoint = directory.resolve("killed/training.safetensors");
        long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!Files.exists(checkpoint) && process.isAlive() && System.nanoTime() < patience) {
            Thread.onSpinWait();
        }
        process.destroyForcibly().waitFor();
        assertThat(checkpoint).exists();

        Run resumed = train("killed", "--resume", "--dropout", "0.1", "--preset", "gpt");
        assertThat(resumed.err()).isEmpty();
        assertThat(state("killed")).isEqualTo(state("straight"));
    }

    @Test
    void aTextGrowsBeyondALearnedTable() {
        train("run", "--preset", "gpt");
        String model = directory.resolve("run/model.safetensors").toString();
        Run text = Run.heddle("generate", "--checkpoint", model, "--prompt", "the ", "--tokens", "30");
        assertThat(text.err()).isEmpty();
        assertThat(text.code()).isZero();
        assertThat(text.out()).startsWith("the ").hasSize(34 + System.lineSeparator().length());
    }

    @ParameterizedTest
    @CsvSource({"'--tokens,2',prompt: it is empty", "'--prompt,日',U+65E5", "'--prompt,the,--tokens,-5',--tokens: -5"})
    void aPromptThatCannotBeContinuedIsWrongUsage(String options, String message) {
        train("run");
        List<String> arguments =
                new ArrayList<>(
                        List.of("generate", "--checkpoint", directory.resolve("run/model.safetensors").toString()));
        arguments.addAll(List.of(options.split(",")));
        Run text = Run.heddle(arguments.toArray(String[]::new));
        assertThat(text.code()).isEqualTo(2);
        assertThat(text.err()).startsWith("heddle: ").contains(message).hasLineCount(1);
        assertThat(text.out()).isEmpty();
    }

    @Test
    void withoutTheVectorModuleEverythingRunsTheSameAndOneWarningNamesTheFlag() throws Exception {
        train("run");
        String model = directory.resolve("run/model.safetensors").toString();
        String[] generate = {"generate", "--checkpoint", model, "--prompt", "the ", "--tokens", "20"};
        Run scalar = withoutTheVectorModule(generate);
        assertThat(scalar.err()).containsOnlyOnce("--add-modules jdk.incubator.vector").containsOnlyOnce("WARNING");
        assertThat(scalar.code()).isZero();
        assertThat(scalar.out()).isEqualTo(Run.heddle(generate).out());

        Run training = withoutTheVectorModule(arguments("scalar"));
        assertThat(training.err()).containsOnlyOnce("--add-modules jdk.incubator.vector").containsOnlyOnce("WARNING");
        assertThat(training.code()).isZero();
        List<Double> vector = state("run").get("history.losses");
        assertThat(state("scalar").get("history.losses")).hasSameSizeAs(vector);
        for (int i = 0; i < vector.size(); i++) {
            assertThat(state("scalar").get("history.losses").get(i)).isCloseTo(vector.get(i), within(1e-4));
        }
    }

    private static Run withoutTheVectorModule(String... arguments) throws Exception {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                ProcessHandle.current().info().command().orElseThrow(),
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Main.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), out, err);
    }

    @Test
    void resumeWithoutARunStartsOne() {
        assertThat(train("new", "--resume").code()).isZero();
    }

    @Test
    void aRunIsNotOverwritten() {
        train("run");
        Run again = train("run");
        assertThat(again.code()).isEqualTo(2);
        assertThat(again.err()).contains("already holds a run").contains("--resume").hasLineCount(1);
    }

    @Test
    void aResumedRunMustBeTheSameRun() {
        train("run");
        Run other = train("run", "--resume", "--lr", "0.5");
        assertThat(other.code()).isEqualTo(2);
        assertThat(other.err()).contains("lr: 0.5 was asked for").contains("has 0.002");
    }

    @Test
    void aResumedRunMustHaveTheSameText() throws IOException {
        train("run");
        Files.writeString(corpus, Files.readString(corpus).replace("loom", "room"));
        Run other = train("run", "--resume");
        assertThat(other.code()).isEqualTo(2);
        assertThat(other.err()).contains("has changed");
    }

    @ParameterizedTest
    @CsvSource({
        "--heads 3,heads",
        "--context 5000,context",
        "--lr -1,learning rate",
        "--steps 0,steps: found 0",
        "--variant mqqa,'the nearest is ''mqa'''",
        "--corpus nowhere.txt,nowhere.txt",
        "--preset llama --dropout 0.5,dropout",
        "--dropout 1.5 --preset gpt,dropout",
        "--preset gpt --variant mqa,--preset stack",
        "--steps many,--steps"
    })
    void wrongSettingsAreOneLineAndTwo(String arguments, String message) {
        Run run = train("run", arguments.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).startsWith("heddle: ").containsIgnoringCase(message).hasLineCount(1);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void anEmptyCorpusIsRefused() throws IOException {
        Files.writeString(corpus, "");
        assertThat(train("run").err()).contains("is empty");
    }

    @Test
    void aDamagedCheckpointIsRefused() throws IOException {
        train("run");
        Files.writeString(directory.resolve("run/training.safetensors"), "not what it was");
        Run run = train("run", "--resume");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).hasLineCount(1);
    }
}
