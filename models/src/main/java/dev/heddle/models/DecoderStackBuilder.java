package dev.heddle.models;

import dev.heddle.attention.Attention;
import dev.heddle.attention.AttentionSpec;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.ops.Dropout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.mlp.FeedForward;
import dev.heddle.mlp.Glu;
import dev.heddle.mlp.Mlp;
import dev.heddle.positional.EmbeddingPosition;
import dev.heddle.positional.Learned;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.ScorePosition;

import org.jspecify.annotations.Nullable;

/// A choice on every axis of a [DecoderStack].
///
/// Vocabulary, width, depth, mixer and feed-forward layer must be chosen. The rest has defaults: RMS norm with eps 1e-5
/// before each sublayer, tied embedding, no position added to the embedding, no dropout, no limit of length.
public final class DecoderStackBuilder {
    private static final double EPS = 1e-5;

    int vocabulary;
    int width;
    int depth;
    int maxLength = Integer.MAX_VALUE;
    boolean tied = true;
    double dropout;
    Norm.Factory norm = width -> RmsNorm.of(width, EPS);
    Block.Factory placement = Placement.PRE;
    EmbeddingPosition.@Nullable Factory position;
    private @Nullable StackPart attentionPosition;
    private TokenMixer.@Nullable Factory mixer;
    private FeedForward.@Nullable Factory feedForward;

    DecoderStackBuilder() {}

    /// Number of different tokens V.
    public DecoderStackBuilder vocabulary(int tokens) {
        this.vocabulary = tokens;
        return this;
    }

    /// Width D of the residual stream.
    public DecoderStackBuilder width(int columns) {
        this.width = columns;
        return this;
    }

    /// Number of blocks L.
    public DecoderStackBuilder depth(int blocks) {
        this.depth = blocks;
        return this;
    }

    /// How tokens exchange information.
    public DecoderStackBuilder mixer(TokenMixer.Factory choice) {
        this.mixer = choice;
        return this;
    }

    /// What happens at each token.
    public DecoderStackBuilder feedForward(FeedForward.Factory choice) {
        this.feedForward = choice;
        return this;
    }

    /// The norm of every block and of the end.
    public DecoderStackBuilder norm(Norm.Factory choice) {
        this.norm = choice;
        return this;
    }

    /// Where the norms sit.
    public DecoderStackBuilder placement(Placement choice) {
        this.placement = choice;
        return this;
    }

    /// Position added to the embedding, in the place of any other position. A learned table limits the length.
    public DecoderStackBuilder position(EmbeddingPosition.Factory choice) {
        this.position = choice;
        this.attentionPosition = null;
        return this;
    }

    /// True if the output matrix is the token table.
    public DecoderStackBuilder tied(boolean choice) {
        this.tied = choice;
        return this;
    }

    /// Probability of dropout on the embedding and on each residual branch, in training only.
    public DecoderStackBuilder dropout(double probability) {
        this.dropout = probability;
        return this;
    }

    /// The longest sequence in tokens that the model accepts.
    public DecoderStackBuilder maxLength(int tokens) {
        this.maxLength = tokens;
        return this;
    }

    /// Takes a choice on whatever axis it is one of, as a catalogue line gives it. A position takes the place of any
    /// other; one on queries and keys needs a mixer that takes it, one on scores an [Attention].
    ///
    /// @throws ConfigException if a decoder stack has no such axis
    public DecoderStackBuilder with(StackPart part) {
        return switch (part) {
            case TokenMixer.Factory choice -> mixer(choice);
            case FeedForward.Factory choice -> feedForward(choice);
            case EmbeddingPosition.Factory choice -> position(choice);
            case QueryKeyPosition.Factory choice -> insideAttention(choice);
            case ScorePosition.Factory choice -> insideAttention(choice);
            case Block.Factory choice -> {
                this.placement = choice;
                yield this;
            }
            default ->
                    throw new ConfigException(
                            "stack: "
                                    + part.getClass().getSimpleName()
                                    + " is no choice on an axis of a decoder stack; give a mixer, a feed-forward layer,"
                                    + " a position encoding or a block");
        };
    }

    private DecoderStackBuilder insideAttention(StackPart choice) {
        this.position = null;
        this.attentionPosition = choice;
        return this;
    }

    /// Builds the model. Same seed, same parameters.
    ///
    /// @throws ConfigException if a choice is missing or a size makes no sense
    public DecoderStack build(Seed seed) {
        checkSize("vocabulary", vocabulary);
        checkSize("width", width);
        checkSize("depth", depth);
        checkSize("maximum length", maxLength);
        if ((long) vocabulary * width > Integer.MAX_VALUE) {
            throw new ConfigException(
                    "stack: a vocabulary of "
                            + vocabulary
                            + " times a width of "
                            + width
                            + " is more than a table can hold; at most 2^31 − 1 numbers fit");
        }
        Dropout.checked(dropout);
        blockChoices();
        if (position instanceof Learned.Spec table) {
            maxLength = Math.min(maxLength, table.positions());
        }
        return new DecoderStack(this, seed);
    }

    private static void checkSize(String what, int size) {
        if (size < 1) {
            throw new ConfigException("stack: " + what + " is " + (size == 0 ? "not set" : size) + "; use 1 or more");
        }
    }

    Block.Choices blockChoices() {
        return new Block.Choices(width, depth, placedMixer(), placedFeedForward(), norm, dropout);
    }

    private TokenMixer.Factory placedMixer() {
        TokenMixer.Factory choice = positioned(chosen("mixer", mixer));
        if (!(placement instanceof Placement.SubLn)) {
            return choice;
        }
        if (choice instanceof AttentionSpec attention) {
            return attention.innerNorm(norm);
        }
        throw withoutInnerNorm("mixer");
    }

    private TokenMixer.Factory positioned(TokenMixer.Factory choice) {
        return switch (attentionPosition) {
            case null -> choice;
            case QueryKeyPosition.Factory onBoth when choice instanceof TokenMixer.Positionable open ->
                    open.position(onBoth);
            case ScorePosition.Factory onScores when choice instanceof AttentionSpec attention ->
                    attention.position(onScores);
            default ->
                    throw new ConfigException(
                            "stack: the mixer takes no position on its "
                                    + (attentionPosition instanceof ScorePosition.Factory
                                            ? "scores"
                                            : "queries and keys")
                                    + "; use a position on the embedding or none");
        };
    }

    private FeedForward.Factory placedFeedForward() {
        FeedForward.Factory choice = chosen("feed-forward layer", feedForward);
        if (!(placement instanceof Placement.SubLn)) {
            return choice;
        }
        return switch (choice) {
            case Mlp.Spec mlp -> mlp.innerNorm(norm);
            case Glu.Spec glu -> glu.innerNorm(norm);
            default -> throw withoutInnerNorm("feed-forward layer");
        };
    }

    private static ConfigException withoutInnerNorm(String what) {
        return new ConfigException(
                "placement: sub-LN needs a norm inside the "
                        + what
                        + ", which this one has not; use attention and an MLP, or another placement");
    }

    private static <T> T chosen(String what, @Nullable T choice) {
        if (choice == null) {
            throw new ConfigException("stack: no " + what + " was chosen; choose one before building");
        }
        return choice;
    }
}
