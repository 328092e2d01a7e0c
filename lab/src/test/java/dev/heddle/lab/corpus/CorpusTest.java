package dev.heddle.lab.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.InputException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

class CorpusTest {
    @TempDir Path directory;

    @Test
    void theDefaultIsEnglishAndAlwaysTheSame() {
        Corpus corpus = Corpus.load(Corpus.DEFAULT);
        assertThat(corpus.text().length()).isBetween(1_200_000, 1_300_000);
        assertThat(corpus.text().split("\n\n")).hasSizeBetween(1_200, 1_300).allMatch(Europarl::isEnglish);
        assertThat(corpus.text()).contains("Mr President").doesNotContain("  ");
        assertThat(corpus.hash()).isEqualTo(Corpus.load(Corpus.DEFAULT).hash()).hasSize(64);
    }

    @Test
    void theHashOfAFileIsThatOfItsBytes() throws IOException {
        Path file = Files.writeString(directory.resolve("abc.txt"), "abc");
        assertThat(Corpus.load(file.toString()).hash())
                .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    @Test
    void aMissingFileIsRefusedWithTheBuiltInName() {
        assertThatThrownBy(() -> Corpus.load(directory.resolve("none.txt").toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("none.txt' is not a file")
                .hasMessageContaining(Corpus.DEFAULT);
    }

    @Test
    void aFolderIsRefused() {
        assertThatThrownBy(() -> Corpus.load(directory.toString())).isInstanceOf(InputException.class);
    }

    @Test
    void anEmptyFileIsRefused() throws IOException {
        Path file = Files.createFile(directory.resolve("empty.txt"));
        assertThatThrownBy(() -> Corpus.load(file.toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is empty");
    }

    @Test
    void aFileThatIsNotTextIsRefused() throws IOException {
        Path file = Files.write(directory.resolve("binary"), new byte[] {(byte) 0xC3, 0x28});
        assertThatThrownBy(() -> Corpus.load(file.toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("UTF-8");
    }

    @Test
    void theFirstNineTenthsAreForTraining() {
        int[] tokens = new int[101];
        tokens[90] = 7;
        TokenSplit split = TokenSplit.of(tokens, 10);
        assertThat(split.training()).hasSize(90).doesNotContain(7);
        assertThat(split.validation()).hasSize(11).startsWith(7);
    }

    @Test
    void aCorpusShorterThanOneContextIsRefused() {
        assertThatThrownBy(() -> TokenSplit.of(new int[101], 11))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("11 tokens")
                .hasMessageContaining("(12)");
    }

    @Test
    void aSmallAlphabetIsKept() {
        String text = "aab😀";
        assertThat(Alphabet.limit(text, 3)).isSameAs(text);
    }

    @Test
    void ofALargeAlphabetTheRarestCharactersBecomeUnknown() {
        assertThat(Alphabet.limit("aaabbc😀d", 3)).isEqualTo("aaabb\uFFFD\uFFFD\uFFFD");
    }
}
