package dev.heddle.models.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.models.SharedData;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;

class CharacterTokenizerTest {
    @Test
    void idsFollowTheOrderOfCodePoints() {
        var tokenizer = CharacterTokenizer.of("b😀a\na");
        assertThat(tokenizer.vocabulary()).isEqualTo("\nab😀");
        assertThat(tokenizer.encode("a😀\n")).containsExactly(1, 3, 0);
        assertThat(tokenizer.decode(3, 1, 2)).isEqualTo("😀ab");
    }

    @Test
    void vocabularyRebuildsTheTokenizer() {
        var tokenizer = CharacterTokenizer.of("the quick ☃");
        assertThat(CharacterTokenizer.ofVocabulary(tokenizer.vocabulary())).isEqualTo(tokenizer);
    }

    @Test
    void tinyShakespeareHas65Characters() throws IOException {
        var tokenizer = CharacterTokenizer.of(Files.readString(SharedData.file("text/tinyshakespeare.txt")));
        assertThat(tokenizer.vocabularySize()).isEqualTo(65);
    }

    @Test
    void refusesWhatItCannotEncodeOrDecode() {
        var tokenizer = CharacterTokenizer.of("abc");
        assertThatThrownBy(() -> tokenizer.encode("abcd"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("U+0064 is not in the vocabulary of 3 characters");
        assertThatThrownBy(() -> tokenizer.decode(3)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> CharacterTokenizer.of("")).isInstanceOf(InputException.class);
    }

    @Test
    void refusesAVocabularyThatIsNotSorted() {
        assertThatThrownBy(() -> CharacterTokenizer.ofVocabulary("ba")).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> CharacterTokenizer.ofVocabulary("aa")).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> CharacterTokenizer.ofVocabulary("")).isInstanceOf(ConfigException.class);
    }
}
