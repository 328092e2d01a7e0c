package dev.heddle.lab.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.NumericException;
import dev.heddle.core.tensor.Memory;
import dev.heddle.core.tensor.Seed;
import dev.heddle.lab.corpus.TokenSplit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

class TrainerTest {
    private static final int VOCABULARY = 7;
    private static final Config RUN = Config.parse("{\"variant\":\"bigram\"}");

    @TempDir Path directory;

    // A text in which the next token follows from the last: (3·t + 1 or 2) mod 7.
    private static TokenSplit tokens() {
        RandomGenerator generator = Seed.of(5).generator();
        int[] tokens = new int[2000];
        for (int i = 1; i < tokens.length; i++) {
            tokens[i] = (3 * tokens[i - 1] + 1 + generator.nextInt(2)) % VOCABULARY;
        }
        return TokenSplit.of(tokens, 11);
    }

    private static TrainingSettings settings(int steps) {
        return settings(11, steps, 42);
    }

    private static TrainingSettings settings(int context, int steps, long seed) {
        return new TrainingSettings(context, 5, steps, 0.05, 0.005, 2, 0.1, 1, 4, 3, 5, seed);
    }

    private static Bigram bigram() {
        return new Bigram(VOCABULARY, Seed.of(1));
    }

    private static Trainer trainer(Bigram model, TrainingSettings settings, TrainingListener listener) {
        return new Trainer(model, model::logits, tokens(), settings, listener);
    }

    private static Map<String, List<Double>> bits(Bigram model) {
        Map<String, List<Double>> values = new TreeMap<>();
        model.parameters()
                .forEach((name, p) -> values.put(name, Arrays.stream(p.value().toDoubles()).boxed().toList()));
        return values;
    }

    @Test
    void trainingReachesTheEntropyOfTheText() {
        Bigram model = bigram();
        History history = trainer(model, settings(200), new TrainingListener() {}).run();
        assertThat(history.evaluations().getFirst().loss()).isCloseTo(Math.log(VOCABULARY), within(0.1));
        assertThat(history.evaluations().getLast().loss()).isCloseTo(Math.log(2), within(0.05));
        assertThat(history.steps()).isEqualTo(200);
    }

    @Test
    void aRunResumedFromACheckpointEndsWithTheSameBits() {
        Path file = directory.resolve("training.safetensors");
        Bigram straight = bigram();
        History whole = trainer(straight, settings(20), new TrainingListener() {}).run();

        Bigram killed = bigram();
        TrainingListener dies =
                new TrainingListener() {
                    @Override
                    public void onCheckpoint(TrainingState state) {
                        state.save(file, RUN);
                    }

                    @Override
                    public void onStep(int done, double loss) {
                        if (done == 13) {
                            throw new IllegalStateException("killed");
                        }
                    }
                };
        assertThatThrownBy(() -> trainer(killed, settings(20), dies).run()).hasMessage("killed");

        Bigram resumed = new Bigram(VOCABULARY, Seed.of(99));
        Trainer trainer = trainer(resumed, settings(20), new TrainingListener() {});
        trainer.state().restore(file);
        assertThat(trainer.state().history().steps()).isEqualTo(10);
        History rest = trainer.run();

        assertThat(bits(resumed)).isEqualTo(bits(straight));
        assertThat(rest.losses()).isEqualTo(whole.losses());
        assertThat(rest.evaluations()).isEqualTo(whole.evaluations());
        assertThat(TrainingState.run(file)).isEqualTo(RUN);
    }

    @Test
    void anotherSeedGivesAnotherModel() {
        Bigram one = bigram();
        Bigram other = bigram();
        trainer(one, settings(11, 3, 1), new TrainingListener() {}).run();
        trainer(other, settings(11, 3, 2), new TrainingListener() {}).run();
        assertThat(bits(one)).isNotEqualTo(bits(other));
    }

    @Test
    void checkpointsComeEveryFewStepsAndAtTheEnd() {
        List<Integer> saved = new ArrayList<>();
        TrainingListener listener =
                new TrainingListener() {
                    @Override
                    public void onCheckpoint(TrainingState state) {
                        saved.add(state.history().steps());
                    }
                };
        History history = trainer(bigram(), settings(12), listener).run();
        assertThat(saved).containsExactly(5, 10, 12);
        assertThat(history.evaluations()).extracting(History.Point::step).containsExactly(0, 4, 8, 12);
    }

    @Test
    void aModelThatIsNotFiniteStopsTheRunNamingStepAndTensor() {
        Bigram model = bigram();
        List<Integer> steps = new ArrayList<>();
        TrainingListener poisons =
                new TrainingListener() {
                    @Override
                    public void onStep(int done, double loss) {
                        steps.add(done);
                        if (done == 3) {
                            model.parameters().get("output.bias").value().fill(Double.NaN);
                        }
                    }
                };
        assertThatThrownBy(() -> trainer(model, settings(20), poisons).run())
                .isInstanceOf(NumericException.class)
                .hasMessageContaining("at step 3")
                .hasMessageContaining("parameter 'output.bias'")
                .hasMessageContaining("checkpoint");
        assertThat(steps).containsExactly(1, 2, 3);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 5, 20})
    void aModelThatTheLastUpdateBrokeIsNotSaved(int step) {
        Bigram model = bigram();
        List<Integer> saved = new ArrayList<>();
        List<Integer> evaluated = new ArrayList<>();
        TrainingListener breaks =
                new TrainingListener() {
                    @Override
                    public void onStep(int done, double loss) {
                        if (done == step) {
                            model.parameters().get("output.bias").value().fill(Double.NaN);
                        }
                    }

                    @Override
                    public void onCheckpoint(TrainingState state) {
                        saved.add(state.history().steps());
                    }

                    @Override
                    public void onEvaluation(History.Point point, History history) {
                        evaluated.add(point.step());
                    }
                };
        assertThatThrownBy(() -> trainer(model, settings(20), breaks).run())
                .isInstanceOf(NumericException.class)
                .hasMessageContaining("at step " + step)
                .hasMessageContaining("parameter 'output.bias'");
        assertThat(saved).doesNotContain(step);
        assertThat(evaluated).doesNotContain(step);
    }

    @Test
    void aCheckpointThatCannotBeWrittenLeavesTheOldOneIntact() throws IOException {
        Path file = directory.resolve("training.safetensors");
        Trainer trainer = trainer(bigram(), settings(5), new TrainingListener() {});
        trainer.run();
        trainer.state().save(file, RUN);
        byte[] before = Files.readAllBytes(file);
        Path missing = directory.resolve("gone").resolve("training.safetensors");
        assertThatThrownBy(() -> trainer.state().save(missing, RUN))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("could not be written")
                .hasMessageContaining("free space");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        assertThat(directory).isDirectoryContaining(path -> path.equals(file));
    }

    @Test
    void aTruncatedCheckpointIsRefused() throws IOException {
        Path file = directory.resolve("training.safetensors");
        Trainer trainer = trainer(bigram(), settings(5), new TrainingListener() {});
        trainer.run();
        trainer.state().save(file, RUN);
        try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
            channel.truncate(Files.size(file) - 8);
        }
        assertThatThrownBy(() -> trainer.state().restore(file)).isInstanceOf(FileFormatException.class);
    }

    @Test
    void aCheckpointOfAnotherModelIsRefused() {
        Path file = directory.resolve("training.safetensors");
        Trainer trainer = trainer(bigram(), settings(5), new TrainingListener() {});
        trainer.state().save(file, RUN);
        Trainer other = trainer(new Bigram(VOCABULARY + 1, Seed.of(1)), settings(5), new TrainingListener() {});
        assertThatThrownBy(() -> other.state().restore(file)).isInstanceOf(HeddleException.class);
    }

    @Test
    void everyWindowOfAnEvaluationCountsOnce() {
        int[] tokens = tokens().validation();
        Bigram model = bigram();
        Evaluation byThree = new Evaluation(tokens, 11, 3);
        Evaluation byOne = new Evaluation(tokens, 11, 1);
        assertThat(byThree.loss(model::logits)).isCloseTo(byOne.loss(model::logits), within(1e-6));
        assertThat(byThree.loss(model::logits, 1000)).isEqualTo(byThree.loss(model::logits));
    }

    @Test
    void stepsHoldNoMemoryAfterTheirEnd() {
        List<Long> live = new ArrayList<>();
        TrainingListener listener =
                new TrainingListener() {
                    @Override
                    public void onStep(int done, double loss) {
                        live.add(Memory.liveBytes());
                    }
                };
        trainer(bigram(), settings(40), listener).run();
        assertThat(live.subList(10, 40)).allMatch(bytes -> bytes <= live.get(10));
    }

    @Test
    void settingsOutOfRangeAreRefusedByName() {
        assertThatThrownBy(() -> settings(0, 3, 1))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("context: found 0");
        assertThatThrownBy(() -> new TrainingSettings(4, 4, 10, 1e-4, 1e-3, 2, 0.1, 1, 1, 0, 1, 0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("learning rate");
        assertThatThrownBy(() -> new TrainingSettings(4, 4, 10, 1e-3, 1e-4, 11, 0.1, 1, 1, 0, 1, 0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("warm-up");
    }
}
