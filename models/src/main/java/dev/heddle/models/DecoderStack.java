package dev.heddle.models;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Embedding;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.EmbeddingPosition;
import dev.heddle.positional.Positions;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/// A causal language model: token embedding, blocks, output matrix.
///
/// ```java
/// var model = DecoderStack.builder()
///         .vocabulary(65).width(128).depth(4)
///         .mixer(Attention.multiHead(4))
///         .feedForward(Mlp.hidden(512))
///         .position(Learned.max(64))
///         .build(Seed.of(42));
/// Tensor logits = model.forward(tokens);
/// ```
///
/// Parameters: `embedding.weight` `[V, D]` (also the output matrix if tied), `position`, `blocks.{i}`, `norm`, `head`.
/// Two forms agree up to rounding: [#forward] sees whole sequences; [#advance] sees the next tokens, in chunks or one by
/// one, with a [DecodeState]. A mixer that looks at all tokens at once has the first only, see [#isRecurrent].
public final class DecoderStack extends Module {
    private static final double DEVIATION = 0.02;

    private final int width;
    private final int maxLength;
    private final double dropout;
    private final Embedding embedding;
    private final @Nullable EmbeddingPosition position;
    private final List<Block> blocks = new ArrayList<>();
    private final @Nullable Norm norm;
    private final @Nullable Linear head;

    DecoderStack(DecoderStackBuilder choices, Seed seed) {
        width = choices.width;
        maxLength = choices.maxLength;
        dropout = choices.dropout;
        Initialiser normal = Initialiser.normal(DEVIATION);
        embedding = child("embedding", new Embedding(choices.vocabulary, width, normal, seed.split("embedding")));
        EmbeddingPosition.Factory positions = choices.position;
        position = positions == null ? null : child("position", positions.create(width, seed.split("position")));
        Seed blockSeed = seed.split("blocks");
        for (int i = 0; i < choices.depth; i++) {
            blocks.add(child("blocks." + i, choices.placement.create(choices.blockChoices(), blockSeed.split(i))));
        }
        norm = choices.placement.needsFinalNorm() ? child("norm", choices.norm.create(width)) : null;
        head =
                choices.tied
                        ? null
                        : child("head", new Dense(width, choices.vocabulary, false, normal, seed.split("head")));
    }

    /// Starts a choice on every axis.
    public static DecoderStackBuilder builder() {
        return new DecoderStackBuilder();
    }

    /// Logits of whole sequences: `[B, N]` I32 → `[B, N, V]`.
    ///
    /// @throws InputException if a token is outside the vocabulary or the sequence is longer than the model can take
    public Tensor forward(Tensor tokens) {
        return forward(tokens, HiddenStates.UNSEEN);
    }

    /// As [#forward(Tensor)], showing what is computed on the way.
    public Tensor forward(Tensor tokens, HiddenStates observer) {
        return logits(hidden(tokens, observer));
    }

    /// The logits `[B, 1, V]` of the last token of whole sequences `[B, N]`, without a state.
    ///
    /// @throws InputException as [#forward(Tensor)], and if there is no token
    public Tensor last(Tensor tokens) {
        checkTokens(tokens);
        int length = tokens.dim(1);
        if (length == 0) {
            throw new InputException("tokens: a sequence of 0 has no last one; give at least one token");
        }
        return logits(Layout.slice(hidden(tokens, HiddenStates.UNSEEN), 1, length - 1, length));
    }

    private Tensor hidden(Tensor tokens, HiddenStates observer) {
        checkTokens(tokens);
        checkLength(0, tokens.dim(1));
        Tensor x = embed(tokens, 0);
        observer.see("embedding", x);
        for (int i = 0; i < blocks.size(); i++) {
            x = blocks.get(i).forward(x);
            observer.see("hidden." + i, x);
        }
        Tensor y = norm == null ? x : norm.forward(x);
        observer.see("final_norm", y);
        return y;
    }

    private Tensor embed(Tensor tokens, int first) {
        Tensor x = embedding.forward(tokens);
        Tensor placed = position == null ? x : position.apply(x, Positions.range(first, tokens.dim(1)));
        return TrainingPass.dropout(placed, dropout);
    }

    private Tensor logits(Tensor x) {
        return head == null ? embedding.logits(x) : head.forward(x);
    }

    /// False if a mixer has no form that goes token by token: then only whole sequences can be read.
    public boolean isRecurrent() {
        return blocks.stream().allMatch(Block::isRecurrent);
    }

    /// The state before the first token.
    ///
    /// @param capacity tokens to make room for; the state grows beyond it when it must
    /// @throws dev.heddle.core.error.ConfigException if the model does not go token by token
    /// @throws InputException if a size is not positive
    public DecodeState start(int batch, int capacity) {
        if (batch < 1 || capacity < 1) {
            throw new InputException("decode: batch " + batch + ", capacity " + capacity + "; both must be 1 or more");
        }
        DType dtype = dtype();
        List<MixerState> states = new ArrayList<>();
        blocks.forEach(block -> states.add(block.start(batch, capacity, dtype)));
        return new DecodeState(this, states, batch, 0);
    }

    /// The next tokens `[B, n]`, however many, and the state before them → their logits `[B, n, V]` and the state after.
    ///
    /// @throws InputException if the state is another model's or for another batch, a token is outside the vocabulary or
    ///     the sequence grows longer than the model can take
    public Step advance(Tensor tokens, DecodeState state) {
        Hidden hidden = run(tokens, state);
        return new Step(logits(hidden.x), hidden.state);
    }

    /// Reads a prompt in chunks, so that memory does not grow with its length, and gives the logits `[B, 1, V]` of its
    /// last token only.
    ///
    /// @param tokens `[B, n]`, n ≥ 1
    /// @param chunk tokens read at once, 1 or more
    public Step prefill(Tensor tokens, DecodeState state, int chunk) {
        checkTokens(tokens);
        if (tokens.dim(1) < 1 || chunk < 1) {
            throw new InputException(
                    "prompt: " + tokens.dim(1) + " tokens in chunks of " + chunk + "; both must be 1 or more");
        }
        Hidden hidden = new Hidden(tokens, state);
        for (int from = 0; from < tokens.dim(1); from += chunk) {
            int to = (int) Math.min((long) from + chunk, tokens.dim(1));
            hidden = run(Layout.slice(tokens, 1, from, to), hidden.state);
        }
        int last = hidden.x.dim(1) - 1;
        return new Step(logits(Layout.slice(hidden.x, 1, last, last + 1)), hidden.state);
    }

    private Hidden run(Tensor tokens, DecodeState state) {
        checkTokens(tokens);
        if (!state.belongsTo(this)) {
            throw new InputException("decode state: it was made by another model; make one with this model's start");
        }
        if (state.batch() != tokens.dim(0)) {
            throw new InputException(
                    "decode state: it holds "
                            + state.batch()
                            + " sequences and the tokens are "
                            + tokens.shape()
                            + "; the batch must stay the same");
        }
        int count = tokens.dim(1);
        checkLength(state.length(), count);
        Tensor x = embed(tokens, state.length());
        List<MixerState> after = new ArrayList<>(blocks.size());
        for (int i = 0; i < blocks.size(); i++) {
            TokenMixer.Step step = blocks.get(i).advance(x, state.blocks().get(i));
            x = step.y();
            after.add(step.state());
        }
        Tensor y = norm == null ? x : norm.forward(x);
        return new Hidden(y, new DecodeState(this, after, state.batch(), state.length() + count));
    }

    private record Hidden(Tensor x, DecodeState state) {}

    /// What [#advance] returns.
    public record Step(Tensor logits, DecodeState state) {}

    private static void checkTokens(Tensor tokens) {
        if (tokens.dtype() != DType.I32 || tokens.rank() != 2) {
            throw new ShapeException("tokens: found " + tokens + "; I32 of shape [batch, length] is needed");
        }
    }

    private void checkLength(int before, int count) {
        if ((long) before + count > maxLength) {
            throw new InputException(
                    "sequence: "
                            + ((long) before + count)
                            + " tokens, this model takes at most "
                            + maxLength
                            + "; use a shorter text or a model with more positions");
        }
    }

    /// Rows of the token table, V.
    public int vocabulary() {
        return embedding.weight().value().dim(0);
    }

    public int width() {
        return width;
    }

    public int depth() {
        return blocks.size();
    }

    /// The longest sequence in tokens; [Integer#MAX_VALUE] without a limit.
    public int maxLength() {
        return maxLength;
    }

    /// The type that the model computes in: that of its parameters.
    public DType dtype() {
        return embedding.weight().value().dtype();
    }

    /// Multiply-adds of the parallel form for one sequence of `length` tokens.
    public long multiplyAdds(int length) {
        long inBlocks = blocks.stream().mapToLong(block -> block.multiplyAdds(length)).sum();
        return inBlocks + (long) length * vocabulary() * width;
    }

    /// The query-key pairs that are scored over one sequence of `length` tokens, all blocks and heads together; empty if a
    /// block has no fixed number of them ([TokenMixer#scoredPairs]).
    public OptionalLong scoredPairs(int length) {
        long sum = 0;
        for (Block block : blocks) {
            OptionalLong pairs = block.scoredPairs(length);
            if (pairs.isEmpty()) {
                return pairs;
            }
            sum += pairs.getAsLong();
        }
        return OptionalLong.of(sum);
    }

    /// The numbers that a [DecodeState] holds after `length` tokens of one sequence.
    public long stateElements(int length) {
        return blocks.stream().mapToLong(block -> block.stateElements(length)).sum();
    }
}
