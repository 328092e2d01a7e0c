package dev.heddle.models;

import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.function.IntPredicate;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// Continues a text token by token.
///
/// A text that outgrows a model with a longest sequence goes on: each further token is drawn from the last
/// [DecoderStack#maxLength()] tokens, read anew because every one of them has moved to another position. Such a token
/// costs as much as a prompt of that length. So does every token of a model that does not go token by token
/// ([DecoderStack#isRecurrent()]).
///
/// Every step works in a [Scope] of its own, so memory does not grow beyond the decode state's.
public final class Generator {
    /// Prompt tokens read at once: enough for full speed, few enough to bound memory.
    private static final int PREFILL_CHUNK = 512;

    /// Tokens that the decode state makes room for at the start; it grows if more come.
    private static final int MOST_ROOM = 4096;

    private final DecoderStack model;
    private final Sampling sampling;
    private final Seed seed;

    /// @param seed of the draws; the same seed draws the same tokens
    public Generator(DecoderStack model, Sampling sampling, Seed seed) {
        this.model = model;
        this.sampling = sampling;
        this.seed = seed;
    }

    /// Generates up to `count` tokens after a prompt and hands each out as soon as it is chosen.
    ///
    /// @param prompt at least one token
    /// @param sink returns false to stop after the token that it was given
    /// @return how many tokens were handed out
    /// @throws InputException if the prompt is empty or holds a token outside the vocabulary
    public int generate(int[] prompt, int count, IntPredicate sink) {
        check(prompt, count);
        return count == 0 ? 0 : Autograd.inference(() -> run(prompt, count, sink));
    }

    /// The `count` tokens after a prompt.
    public int[] generate(int[] prompt, int count) {
        IntStream.Builder tokens = IntStream.builder();
        generate(
                prompt,
                count,
                token -> {
                    tokens.add(token);
                    return true;
                });
        return tokens.build().toArray();
    }

    private void check(int[] prompt, int count) {
        if (prompt.length == 0 || count < 0) {
            throw new InputException(
                    "generate: "
                            + count
                            + " tokens after a prompt of "
                            + prompt.length
                            + "; a prompt of at least one token and a count of 0 or more are needed");
        }
    }

    private int run(int[] prompt, int count, IntPredicate sink) {
        RandomGenerator random = seed.generator();
        Window window = new Window(prompt, model.maxLength());
        if (!model.isRecurrent()) {
            return reread(window, count, sink, random);
        }
        try (Scope _ = Scope.open()) {
            int room = Math.min(model.maxLength(), window.length() + Math.min(count, MOST_ROOM));
            Choice choice = read(window.tokens(), model.start(1, room), random);
            int done = 1;
            while (sink.test(choice.token) && done < count) {
                boolean fits = window.append(choice.token);
                choice =
                        fits
                                ? read(new int[] {choice.token}, choice.state, random)
                                : new Choice(reread(window.tokens(), random), choice.state);
                done++;
            }
            return done;
        }
    }

    private int reread(Window window, int count, IntPredicate sink, RandomGenerator random) {
        int token = reread(window.tokens(), random);
        int done = 1;
        while (sink.test(token) && done < count) {
            window.append(token);
            token = reread(window.tokens(), random);
            done++;
        }
        return done;
    }

    private Choice read(int[] tokens, DecodeState state, RandomGenerator random) {
        try (Scope _ = Scope.open()) {
            Tensor input = Tensor.of(tokens, 1, tokens.length);
            DecoderStack.Step next = model.prefill(input, state, PREFILL_CHUNK);
            return new Choice(sampling.choose(next.logits().toFloats(), random), next.state());
        }
    }

    private int reread(int[] tokens, RandomGenerator random) {
        try (Scope _ = Scope.open()) {
            return sampling.choose(model.last(Tensor.of(tokens, 1, tokens.length)).toFloats(), random);
        }
    }

    private record Choice(int token, DecodeState state) {}
}
