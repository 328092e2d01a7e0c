package dev.heddle.attention;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.InputException;
import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// A [TokenMixer] as the catalogue knows it: input `x` `[B, N, D]`, output `y`. Which forms there are, how they run and
/// what the state holds follow from the mixer; a subject says what else goes in and comes out.
public interface MixerSubject extends Subject {
    /// What is run.
    TokenMixer mixer();

    /// The parallel form.
    ///
    /// @param x `[B, N, D]`
    /// @param inputs all that were given, `x` among them
    Map<String, Tensor> parallel(Tensor x, Map<String, Tensor> inputs);

    /// What the forms that carry a state return.
    ///
    /// @param last the outputs of all tokens, and the state after the last
    default Map<String, Tensor> stepwise(TokenMixer.Step last) {
        return Map.of("y", last.y());
    }

    /// The state before the first token of `x`.
    default MixerState start(Tensor x) {
        return mixer().start(x.dim(0), Math.max(1, x.dim(1)), x.dtype());
    }

    /// The state before the first token of `x`, for whatever else is given with it.
    ///
    /// @param inputs all that were given, `x` among them
    /// @throws InputException if a form that carries a state does not take one of them
    default MixerState start(Tensor x, Map<String, Tensor> inputs) {
        for (String name : inputs.keySet()) {
            if (!name.equals("x")) {
                throw new InputException(name + ": the cached forms take none; use the parallel form");
            }
        }
        return start(x);
    }

    /// The next tokens of a sequence, for whatever else is given with it.
    ///
    /// @param x `[B, n, D]`
    /// @param inputs all that were given with the whole sequence
    default TokenMixer.Step advance(Tensor x, MixerState state, Map<String, Tensor> inputs) {
        return mixer().advance(x, state);
    }

    /// Tokens that the recurrent form reads at once before it goes token by token.
    default int prompt() {
        return 1;
    }

    /// How many numbers the mixer promises to train.
    long parameters();

    /// The multiply-adds that the mixer promises for one sequence of `length` tokens.
    default long multiplyAdds(int length) {
        return mixer().multiplyAdds(length);
    }

    @Override
    default Module module() {
        return mixer();
    }

    @Override
    default boolean supports(Form form) {
        return form instanceof Form.Parallel || mixer().isRecurrent();
    }

    @Override
    default Form form(String mode) {
        return Form.ofMode(mode);
    }

    /// @throws InputException if a form that carries a state is given more than it takes
    @Override
    default Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        if (form instanceof Form.Parallel) {
            return parallel(x, inputs);
        }
        boolean chunks = form instanceof Form.Chunkwise;
        int chunk = form instanceof Form.Chunkwise(int size) ? size : 1;
        return stepwise(
                Stepwise.run(
                        (tokens, state) -> advance(tokens, state, inputs),
                        start(x, inputs),
                        x,
                        chunks ? chunk : prompt(),
                        chunk));
    }

    @Override
    default Cost cost(int length) {
        long state = mixer().isRecurrent() ? mixer().stateElements(length) : 0;
        return new Cost(parameters(), multiplyAdds(length), state);
    }

    @Override
    default long stateElements(int length) {
        if (!mixer().isRecurrent()) {
            return 0;
        }
        DType dtype = mixer().parameters().values().iterator().next().value().dtype();
        Map<String, Tensor> inputs = sampleInputs(1, length, dtype, Seed.of(length));
        Tensor x = SubjectInputs.tensor(inputs, "x", 3);
        return mixer().advance(x, start(x, inputs)).state().elements();
    }
}
