package dev.heddle.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.attention.hashing.LshAttentionSpec;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Memory;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.Mlp;
import dev.heddle.positional.Learned;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class GeneratorTest {
    private static final int[] PROMPT = {3, 1, 4, 1, 5};

    private final DecoderStack model = LlamaDecoder.tiny(17).build(Seed.of(1));

    @Test
    void greedyTokensAreTheLikeliestOfTheFullForward() {
        int[] tokens = PROMPT;
        for (int i = 0; i < 9; i++) {
            int next = Sampling.greedy().choose(lastLogits(model, tokens), Seed.of(0).generator());
            tokens = Arrays.copyOf(tokens, tokens.length + 1);
            tokens[tokens.length - 1] = next;
        }
        int[] generated = new Generator(model, Sampling.greedy(), Seed.of(0)).generate(PROMPT, 9);
        assertThat(generated).containsExactly(Arrays.copyOfRange(tokens, PROMPT.length, tokens.length));
    }

    private static float[] lastLogits(DecoderStack model, int[] tokens) {
        float[] logits = Autograd.inference(() -> model.forward(Tensor.of(tokens, 1, tokens.length)).toFloats());
        return Arrays.copyOfRange(logits, logits.length - model.vocabulary(), logits.length);
    }

    @Test
    void aTextLongerThanAPositionTableGoesOnFromItsLastTokens() {
        int limit = 7;
        DecoderStack limited =
                DecoderStack.builder()
                        .vocabulary(17)
                        .width(12)
                        .depth(2)
                        .mixer(Attention.multiHead(3))
                        .feedForward(Mlp.hidden(20))
                        .position(Learned.max(limit))
                        .build(Seed.of(1));
        int[] text = {3, 1, 4, 1, 5, 9, 2, 6, 5};
        for (int prompt : new int[] {5, limit, text.length}) {
            int[] whole = Arrays.copyOf(text, prompt + 2 * limit);
            for (int i = prompt; i < whole.length; i++) {
                int[] seen = Arrays.copyOfRange(whole, Math.max(0, i - limit), i);
                whole[i] = Sampling.greedy().choose(lastLogits(limited, seen), Seed.of(0).generator());
            }
            int[] generated =
                    new Generator(limited, Sampling.greedy(), Seed.of(0))
                            .generate(Arrays.copyOf(text, prompt), 2 * limit);
            assertThat(generated).containsExactly(Arrays.copyOfRange(whole, prompt, whole.length));
        }
    }

    @Test
    void aModelThatDoesNotGoTokenByTokenReadsTheWholeTextForEachToken() {
        DecoderStack hashed =
                DecoderStack.builder()
                        .vocabulary(17)
                        .width(12)
                        .depth(2)
                        .mixer(LshAttentionSpec.of(3).bucketSize(2))
                        .feedForward(Mlp.hidden(20))
                        .maxLength(9)
                        .build(Seed.of(1));
        assertThat(hashed.isRecurrent()).isFalse();
        assertThatThrownBy(() -> hashed.start(1, 4))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("token by token");
        int[] whole = Arrays.copyOf(PROMPT, 12);
        for (int i = PROMPT.length; i < whole.length; i++) {
            int[] seen = Arrays.copyOfRange(whole, Math.max(0, i - 9), i);
            whole[i] = Sampling.greedy().choose(lastLogits(hashed, seen), Seed.of(0).generator());
        }
        int[] generated = new Generator(hashed, Sampling.greedy(), Seed.of(0)).generate(PROMPT, 7);
        assertThat(generated).containsExactly(Arrays.copyOfRange(whole, PROMPT.length, whole.length));
        assertThat(new Generator(hashed, Sampling.greedy(), Seed.of(0)).generate(PROMPT, 9, _ -> false)).isEqualTo(1);
    }

    @Test
    void manyTokensAskedForDoNotTakeTheirMemoryAtOnce() {
        int count = new Generator(model, Sampling.greedy(), Seed.of(7)).generate(PROMPT, Integer.MAX_VALUE, _ -> false);
        assertThat(count).isEqualTo(1);
    }

    @Test
    void sameSeedSameText() {
        int[] first = new Generator(model, Sampling.at(1), Seed.of(7)).generate(PROMPT, 20);
        assertThat(new Generator(model, Sampling.at(1), Seed.of(7)).generate(PROMPT, 20)).containsExactly(first);
        assertThat(new Generator(model, Sampling.at(1), Seed.of(8)).generate(PROMPT, 20)).isNotEqualTo(first);
    }

    @Test
    void stopsWhenTheSinkSaysSo() {
        List<Integer> seen = new ArrayList<>();
        int count =
                new Generator(model, Sampling.at(1), Seed.of(7))
                        .generate(
                                PROMPT,
                                50,
                                token -> {
                                    seen.add(token);
                                    return seen.size() < 4;
                                });
        assertThat(count).isEqualTo(4);
        assertThat(seen).hasSize(4);
    }

    @Test
    void memoryDoesNotGrowWithTheText() {
        long[] live = new long[60];
        int[] step = {0};
        new Generator(model, Sampling.at(1), Seed.of(7))
                .generate(
                        PROMPT,
                        live.length,
                        token -> {
                            live[step[0]++] = Memory.liveBytes();
                            return true;
                        });
        assertThat(live[59]).isLessThanOrEqualTo(live[5]);
    }

    @Test
    void refusesAnEmptyPromptAndANegativeCount() {
        Generator generator = new Generator(model, Sampling.greedy(), Seed.of(1));
        assertThatThrownBy(() -> generator.generate(new int[0], 3)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> generator.generate(PROMPT, -1)).isInstanceOf(InputException.class);
        assertThat(generator.generate(PROMPT, 0)).isEmpty();
    }
}
