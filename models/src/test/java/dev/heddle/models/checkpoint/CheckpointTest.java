package dev.heddle.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.GptDecoder;
import dev.heddle.models.LlamaDecoder;
import dev.heddle.models.Recipe;
import dev.heddle.models.StackConfig;
import dev.heddle.models.tokenizer.CharacterTokenizer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

class CheckpointTest {
    private static final Recipe RECIPE = new StackConfig(5, 8, 2, 2, 16, 12, 0, List.of()).recipe();
    private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.99, 1e-8, 0.1);

    @TempDir Path folder;

    private static Tensor tokens() {
        return Tensor.of(new int[] {0, 1, 2, 3, 4, 2}, 1, 6);
    }

    private static void train(DecoderStack model, AdamW optimiser, int steps) {
        for (int i = 0; i < steps; i++) {
            optimiser.step(Autograd.gradients(CrossEntropy.mean(model.forward(tokens()), tokens())), 1e-2, 1);
        }
    }

    @Test
    void everyRecipeComesBackWithItsBits() {
        for (Recipe recipe : List.of(RECIPE, GptDecoder.nanoGptCpu(5).recipe(), LlamaDecoder.tiny(5).recipe())) {
            DecoderStack model = recipe.build(Seed.of(4));
            Path path = folder.resolve(recipe.id() + ".safetensors");
            CharacterTokenizer characters = CharacterTokenizer.of("abcde");
            Checkpoint.of(recipe, model)
                    .tokenizer(characters)
                    .provenance(Config.parse("{\"seed\": 4, \"corpus\": \"abc\"}"))
                    .save(path);
            Checkpoint loaded = Checkpoint.load(path);
            assertThat(loaded.recipe()).isEqualTo(recipe);
            assertThat(loaded.tokenizer()).contains(characters);
            assertThat(loaded.provenance().integer("seed")).isEqualTo(4);
            assertThat(loaded.model().forward(tokens()).toFloats()).containsExactly(model.forward(tokens()).toFloats());
        }
    }

    @Test
    void trainingContinuesToTheSameBits() {
        DecoderStack model = RECIPE.build(Seed.of(4));
        AdamW optimiser = new AdamW(model.parameters(), SETTINGS);
        train(model, optimiser, 3);
        Path path = folder.resolve("run.safetensors");
        Checkpoint.of(RECIPE, model).optimiser(optimiser).save(path);
        train(model, optimiser, 3);

        Checkpoint loaded = Checkpoint.load(path);
        AdamW resumed = new AdamW(loaded.model().parameters(), SETTINGS);
        loaded.restore(resumed);
        train(loaded.model(), resumed, 3);
        assertThat(resumed.steps()).isEqualTo(6);
        assertThat(loaded.model().forward(tokens()).toFloats()).containsExactly(model.forward(tokens()).toFloats());
    }

    @Test
    void aCheckpointWithoutOptimiserCannotContinue() {
        DecoderStack model = RECIPE.build(Seed.of(4));
        assertThatThrownBy(() -> Checkpoint.of(RECIPE, model).restore(new AdamW(model.parameters(), SETTINGS)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("no optimiser state");
    }

    @Test
    void everyTruncationIsRefused() throws IOException {
        Path path = folder.resolve("whole.safetensors");
        Checkpoint.of(RECIPE, RECIPE.build(Seed.of(4))).save(path);
        byte[] whole = Files.readAllBytes(path);
        Path cut = folder.resolve("cut.safetensors");
        for (int length = 0; length < whole.length; length += 101) {
            Files.write(cut, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Checkpoint.load(cut)).isInstanceOf(FileFormatException.class);
        }
    }

    @Test
    void aRecipeThatIsNotThatOfTheTensorsIsRefused() {
        DecoderStack model = RECIPE.build(Seed.of(4));
        for (Config lie :
                List.of(
                        RECIPE.config().with("dim", 10),
                        RECIPE.config().with("depth", 1),
                        RECIPE.config().with("depth", 3),
                        RECIPE.config().with("vocab_size", 6),
                        RECIPE.config().with("ffn_dim", 1 << 30),
                        RECIPE.config().with("dim", 1 << 30),
                        RECIPE.config().with("vocab_size", -5),
                        RECIPE.config().with("variants", List.of("no-such-variant")),
                        RECIPE.config().with("unknown", 1))) {
            assertRefused(new Recipe(RECIPE.id(), lie), model);
        }
        assertRefused(GptDecoder.nanoGptCpu(5).recipe(), model);
        assertRefused(new Recipe("no-such-recipe", RECIPE.config()), model);
    }

    private void assertRefused(Recipe lie, DecoderStack model) {
        Path path = folder.resolve("lie.safetensors");
        Checkpoint.of(lie, model).save(path);
        assertThatThrownBy(() -> Checkpoint.load(path))
                .as(lie.toString())
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("not those of one model");
    }

    @Test
    void aFileOfAnotherKindIsRefused() {
        Path path = folder.resolve("other.safetensors");
        new SafetensorsWriter().add("x", Tensor.of(new float[] {1}, 1)).write(path);
        assertThatThrownBy(() -> Checkpoint.load(path))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("not a model checkpoint");
        assertThatThrownBy(() -> Checkpoint.load(folder.resolve("absent"))).isInstanceOf(FileFormatException.class);
    }

    @Test
    void aVocabularyOfAnotherSizeIsRefused() {
        Path path = folder.resolve("vocabulary.safetensors");
        Checkpoint.of(RECIPE, RECIPE.build(Seed.of(4))).tokenizer(CharacterTokenizer.of("abc")).save(path);
        assertThatThrownBy(() -> Checkpoint.load(path))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("3 characters, the model has 5 tokens");
    }

    @Test
    void aFailedSaveLeavesTheOldFile() throws IOException {
        Path path = folder.resolve("missing").resolve("model.safetensors");
        Checkpoint checkpoint = Checkpoint.of(RECIPE, RECIPE.build(Seed.of(4)));
        assertThatThrownBy(() -> checkpoint.save(path)).isInstanceOf(HeddleException.class);
        Path good = folder.resolve("model.safetensors");
        checkpoint.save(good);
        checkpoint.save(good);
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(Path::getFileName).map(Path::toString)).containsExactly("model.safetensors");
        }
    }
}
