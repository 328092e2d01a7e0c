package dev.heddle.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.Generator;
import dev.heddle.models.Sampling;
import dev.heddle.models.SharedData;
import dev.heddle.models.tokenizer.Llama2cTokenizer;
import dev.heddle.models.tokenizer.TextStream;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// The trained model against what llama2.c computes with it.
class Stories260kTest {
    private static final String FOLDER = "models/stories260K/";
    private static final int CONTEXT = 512;

    private final DecoderStack model = Llama2cCheckpoint.load(SharedData.file(FOLDER + "stories260K.bin"));
    private final Llama2cTokenizer tokenizer = Llama2cTokenizer.read(SharedData.file(FOLDER + "tok512.bin"));

    @Test
    void has260032Parameters() {
        assertThat(model.parameterCount()).isEqualTo(260_032);
        assertThat(Llama2cCheckpoint.config(SharedData.file(FOLDER + "stories260K.bin")).parameters())
                .isEqualTo(260_032);
    }

    @Test
    void logitsAreThoseOfTheReference() throws IOException {
        for (JsonNode sample : json("logits.json")) {
            int[] tokens = ints(sample.get("tokens"));
            float[] expected = numbers(SharedData.file(FOLDER + "reference/" + sample.get("logits").asText()));
            float[] found = Autograd.inference(() -> model.forward(Tensor.of(tokens, 1, tokens.length))).toFloats();
            assertThat(found).hasSameSizeAs(expected);
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).as("logit " + i).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }

    @Test
    void greedyTextIsThatOfTheReference() throws IOException {
        for (JsonNode sample : json("greedy.json")) {
            int[] prompt = tokenizer.encode(sample.get("prompt").asText());
            var text = new StringBuilder();
            var stream = new TextStream(tokenizer);
            for (int token : prompt) {
                text.append(stream.append(token));
            }
            // The reference counts the prompt's tokens among its steps.
            new Generator(model, Sampling.greedy(), Seed.of(0))
                    .generate(
                            prompt,
                            sample.get("steps").asInt() - prompt.length + 1,
                            token -> {
                                text.append(tokenizer.endsText(token) ? "" : stream.append(token));
                                return !tokenizer.endsText(token);
                            });
            assertThat(text.toString().stripTrailing()).isEqualTo(sample.get("text").asText().stripTrailing());
        }
    }

    @Test
    void lossOnStoriesIsThatOfTheReference() throws IOException {
        JsonNode reference = json("perplexity.json");
        String[] stories = Files.readString(SharedData.file("text/tinystories_sample.txt")).split("<\\|endoftext\\|>");
        double total = 0;
        long counted = 0;
        for (int i = 0; i < reference.get("documents").size(); i++) {
            JsonNode document = reference.get("documents").get(i);
            int[] tokens = Arrays.stream(tokenizer.encode(stories[i].strip())).limit(CONTEXT).toArray();
            assertThat(tokens).hasSize(document.get("tokens").asInt());
            double loss = loss(tokens);
            assertThat(loss).isCloseTo(document.get("mean_nll").asDouble(), within(1e-5));
            total += loss * (tokens.length - 1);
            counted += tokens.length - 1;
        }
        assertThat(total / counted).isCloseTo(reference.get("mean_nll_all").asDouble(), within(1e-5));
    }

    private double loss(int[] tokens) {
        Tensor text = Tensor.of(tokens, 1, tokens.length);
        int last = tokens.length - 1;
        return Autograd.inference(
                () ->
                        CrossEntropy.mean(
                                        Layout.slice(model.forward(text), 1, 0, last),
                                        Layout.slice(text, 1, 1, last + 1))
                                .item());
    }

    private static JsonNode json(String name) throws IOException {
        return new ObjectMapper().readTree(SharedData.file(FOLDER + "reference/" + name).toFile());
    }

    private static int[] ints(JsonNode array) {
        return new ObjectMapper().convertValue(array, int[].class);
    }

    // The numbers of a NumPy file of version 1: magic, version, length of the header, header, float32.
    private static float[] numbers(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        bytes.position(10 + bytes.getShort(8));
        float[] values = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return values;
    }
}
