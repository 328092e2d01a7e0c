package dev.heddle.models.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.InputException;
import dev.heddle.models.SharedData;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

class Llama2cTokenizerTest {
    private static final String STORIES = "models/stories260K/";

    @TempDir Path folder;

    @Test
    void encodesAsTheReferenceDoes() throws IOException {
        var tokenizer = Llama2cTokenizer.read(SharedData.file(STORIES + "tok512.bin"));
        Path vectors = SharedData.file(STORIES + "reference/tokenizer_vectors.json");
        for (JsonNode vector : new ObjectMapper().readTree(vectors.toFile())) {
            String text = vector.get("text").asText();
            int[] expected = new ObjectMapper().convertValue(vector.get("tokens"), int[].class);
            assertThat(tokenizer.encode(text)).as(text).containsExactly(expected);
        }
    }

    @Test
    void decodingTheTokensOfATextGivesTheText() {
        var tokenizer = Llama2cTokenizer.read(SharedData.file(STORIES + "tok512.bin"));
        for (String text : new String[] {"", " ", "Once upon a time", "Café naïve ☃ 😀", "\u0000\t\n", "  two"}) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        }
    }

    @Test
    void mergesTheHighestScoreFirstAndTheLeftmostAmongEquals() throws IOException {
        var tokenizer = Llama2cTokenizer.read(file("a", -9f, "aa", -1f, "aaa", -2f, "b", -9f, "ab", -0.5f, " ", 0f));
        assertThat(tokenizer.decode(tokenizer.encode("aaaaab"))).isEqualTo("aaaaab");
        // ab first (best score), then the leftmost aa, then the other, then nothing joins.
        assertThat(tokenizer.encode("aaaaab")).containsExactly(1, 264, 260, 260, 263);
        assertThat(tokenizer.encode("aaa")).containsExactly(1, 264, 261);
    }

    @Test
    void characterWithoutATokenBecomesItsBytes() throws IOException {
        var tokenizer = Llama2cTokenizer.read(file(" ", 0f));
        assertThat(tokenizer.encode("é")).containsExactly(1, 259, 3 + 0xC3, 3 + 0xA9);
        var stream = new TextStream(tokenizer);
        assertThat(stream.append(3 + 0xC3)).isEmpty();
        assertThat(stream.append(3 + 0xA9)).isEqualTo("é");
        assertThat(stream.append(3 + 0xC3) + stream.end()).isEqualTo("\uFFFD");
    }

    @Test
    void refusesTruncatedLyingAndForeignFiles() throws IOException {
        byte[] good = Files.readAllBytes(file("a", 0f, "bcd", 0f));
        for (int length = 0; length < good.length; length += length < good.length - 30 ? 97 : 1) {
            Path cut = folder.resolve("cut");
            Files.write(cut, java.util.Arrays.copyOf(good, length));
            if (length != good.length - "bcd".length() - 8) {
                assertThatThrownBy(() -> Llama2cTokenizer.read(cut)).isInstanceOf(FileFormatException.class);
            }
        }
        byte[] lying = good.clone();
        ByteBuffer.wrap(lying).order(ByteOrder.LITTLE_ENDIAN).putInt(8, Integer.MAX_VALUE);
        Path file = Files.write(folder.resolve("lying"), lying);
        assertThatThrownBy(() -> Llama2cTokenizer.read(file))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("token 0 claims 2147483647 bytes");
        assertThatThrownBy(() -> Llama2cTokenizer.read(folder.resolve("absent")))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("does not exist");
    }

    @Test
    void refusesATokenOutsideTheVocabulary() throws IOException {
        var tokenizer = Llama2cTokenizer.read(file("a", 0f));
        assertThatThrownBy(() -> tokenizer.decode(260))
                .isInstanceOf(InputException.class)
                .hasMessage("token: 260 is outside the vocabulary; use 0..259");
    }

    // A vocabulary of the three marks, the bytes and the given pieces with their scores.
    private Path file(Object... piecesAndScores) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(16);
        for (String mark : new String[] {"<unk>", "<s>", "</s>"}) {
            put(bytes, mark, 0);
        }
        for (int value = 0; value < 256; value++) {
            put(bytes, "<0x%02X>".formatted(value), 0);
        }
        for (int i = 0; i < piecesAndScores.length; i += 2) {
            put(bytes, (String) piecesAndScores[i], (Float) piecesAndScores[i + 1]);
        }
        byte[] file = new byte[bytes.flip().remaining()];
        bytes.get(file);
        return Files.write(folder.resolve("tokenizer.bin"), file);
    }

    private static void put(ByteBuffer bytes, String piece, float score) {
        byte[] utf8 = piece.getBytes(StandardCharsets.UTF_8);
        bytes.putFloat(score).putInt(utf8.length).put(utf8);
    }
}
