package dev.heddle.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.models.DecoderStack;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

class Llama2cCheckpointTest {
    // Width 8, hidden 6, 2 layers, 2 heads, 1 key/value head, 5 tokens, context 3.
    private static final int[] HEADER = {8, 6, 2, 2, 1, 5, 3};

    @TempDir Path folder;

    private static byte[] file(int[] header) {
        int d = 8;
        int kv = 4;
        int layer = 2 * d + 2 * d * d + 2 * d * kv + 3 * d * 6;
        int numbers = 5 * d + 2 * layer + d + 3 * 4 + (header[5] < 0 ? 5 * d : 0);
        ByteBuffer bytes = ByteBuffer.allocate(28 + 4 * numbers).order(ByteOrder.LITTLE_ENDIAN);
        for (int size : header) {
            bytes.putInt(size);
        }
        for (int i = 0; i < numbers; i++) {
            bytes.putFloat(i);
        }
        return bytes.array();
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("model.bin"), bytes);
    }

    private static float first(DecoderStack model, String parameter) {
        return (float) model.parameters().get(parameter).value().at(0);
    }

    @Test
    void everyArrayIsWhereTheFormatPutsIt() throws IOException {
        DecoderStack model = Llama2cCheckpoint.load(write(file(HEADER)));
        assertThat(first(model, "embedding.weight")).isEqualTo(0);
        assertThat(first(model, "blocks.1.mixer_branch.norm.weight")).isEqualTo(40 + 8);
        assertThat(first(model, "blocks.0.mixer.wq.weight")).isEqualTo(56);
        assertThat(first(model, "blocks.1.mixer.wk.weight")).isEqualTo(56 + 128 + 32);
        assertThat(first(model, "norm.weight")).isEqualTo(40 + 2 * 352);
    }

    @Test
    void aNegativeVocabularyMeansAnOutputMatrixOfItsOwn() throws IOException {
        int[] header = HEADER.clone();
        header[5] = -5;
        DecoderStack model = Llama2cCheckpoint.load(write(file(header)));
        assertThat(model.parameters()).containsKey("head.weight");
        assertThat(model.vocabulary()).isEqualTo(5);
    }

    @Test
    void everyOtherLengthIsRefused() throws IOException {
        byte[] good = file(HEADER);
        for (int length :
                new int[] {0, 4, 27, 28, good.length - 4, good.length - 1, good.length + 1, good.length + 4}) {
            Path path = write(Arrays.copyOf(good, length));
            assertThatThrownBy(() -> Llama2cCheckpoint.load(path)).isInstanceOf(FileFormatException.class);
        }
        assertThatThrownBy(() -> Llama2cCheckpoint.load(folder.resolve("absent")))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("does not exist");
    }

    @Test
    void headersThatLieAreRefusedBeforeAnythingIsMade() throws IOException {
        for (int field = 0; field < HEADER.length; field++) {
            for (int lie : new int[] {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, 7, 0x616b3432}) {
                byte[] bytes = file(HEADER);
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * field, lie);
                Path path = write(bytes);
                assertThatThrownBy(() -> Llama2cCheckpoint.load(path))
                        .as("field " + field + " = " + lie)
                        .isInstanceOf(FileFormatException.class);
            }
        }
    }
}
