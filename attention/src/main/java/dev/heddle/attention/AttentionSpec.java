package dev.heddle.attention;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.ops.Dropout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.ScorePosition;

import org.jspecify.annotations.Nullable;

import java.util.OptionalInt;
import java.util.function.Consumer;

/// What attention is made from; immutable, every choice makes a new one.
public final class AttentionSpec implements TokenMixer.Positionable {
    private static final int MOST_HEADS_LISTED = 128;

    final int heads;
    final int keyValueHeads;
    OptionalInt headWidth = OptionalInt.empty();
    OptionalInt contextWidth = OptionalInt.empty();
    boolean bias;
    boolean outputProjection = true;
    boolean deadRows;
    AttentionPattern pattern = Patterns.causal();
    QueryKeyPosition.@Nullable Factory position;
    ScorePosition.@Nullable Factory scorePosition;
    double dropout;
    double softcap;
    Norm.@Nullable Factory innerNorm;
    Linear.Factory linear = Dense::new;
    Initialiser initialiser = Initialiser.normal(0.02);

    AttentionSpec(int heads, int keyValueHeads) {
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        if (keyValueHeads < 1 || keyValueHeads > heads || heads % keyValueHeads != 0) {
            throw new ConfigException(
                    "heads: "
                            + heads
                            + " query heads cannot share "
                            + keyValueHeads
                            + " key/value heads evenly; use "
                            + divisors(heads));
        }
        this.heads = heads;
        this.keyValueHeads = keyValueHeads;
    }

    // All divisors of any number of heads that a model may have; 1 and the number itself always divide.
    private static String divisors(int heads) {
        StringBuilder text = new StringBuilder();
        for (int g = 1; g <= Math.min(heads / 2, MOST_HEADS_LISTED); g++) {
            if (heads % g == 0) {
                text.append(g).append(" or ");
            }
        }
        return text.append(heads).toString();
    }

    private AttentionSpec with(Consumer<AttentionSpec> change) {
        return with(keyValueHeads, change);
    }

    private AttentionSpec with(int groups, Consumer<AttentionSpec> change) {
        AttentionSpec copy = new AttentionSpec(heads, groups);
        copy.headWidth = headWidth;
        copy.contextWidth = contextWidth;
        copy.bias = bias;
        copy.outputProjection = outputProjection;
        copy.deadRows = deadRows;
        copy.pattern = pattern;
        copy.position = position;
        copy.scorePosition = scorePosition;
        copy.dropout = dropout;
        copy.softcap = softcap;
        copy.innerNorm = innerNorm;
        copy.linear = linear;
        copy.initialiser = initialiser;
        change.accept(copy);
        return copy;
    }

    /// The same with another number of key/value heads.
    ///
    /// @throws ConfigException if it does not divide the number of query heads
    public AttentionSpec keyValueHeads(int groups) {
        return with(groups, copy -> {});
    }

    /// The width of a head, by default the model's width divided by the number of heads.
    ///
    /// @throws ConfigException if it is less than 1
    public AttentionSpec headWidth(int headWidth) {
        return with(copy -> copy.headWidth = OptionalInt.of(positive("head width", headWidth)));
    }

    /// Cross-attention: keys and values come from a context of this width.
    ///
    /// @throws ConfigException if it is less than 1
    public AttentionSpec contextWidth(int contextWidth) {
        return with(copy -> copy.contextWidth = OptionalInt.of(positive("context width", contextWidth)));
    }

    private static int positive(String what, int value) {
        if (value < 1) {
            throw new ConfigException(what + ": " + value + " is less than 1; use 1 or more");
        }
        return value;
    }

    /// Whether the four projections add a bias; not by default.
    public AttentionSpec bias(boolean wanted) {
        return with(copy -> copy.bias = wanted);
    }

    /// Which keys a query may see; causal by default.
    public AttentionSpec pattern(AttentionPattern other) {
        return with(copy -> copy.pattern = other);
    }

    /// Position on queries and keys.
    // A lambda would have to say which of the two it is; factories are objects of their kind.
    @Override
    @SuppressWarnings("overloads")
    public AttentionSpec position(QueryKeyPosition.Factory other) {
        return with(copy -> copy.position = other);
    }

    /// Position on the scores.
    @SuppressWarnings("overloads")
    public AttentionSpec position(ScorePosition.Factory other) {
        return with(copy -> copy.scorePosition = other);
    }

    /// Dropout on the probabilities while training. They are written out for it, so time and memory then grow with
    /// the square of the length.
    ///
    /// @throws ConfigException if it is outside `[0, 1)`
    public AttentionSpec dropout(double probability) {
        return with(copy -> copy.dropout = Dropout.checked(probability));
    }

    /// Bounds the scores by `c·tanh(t/c)`; 0, the default, does not.
    ///
    /// @throws ConfigException if it is negative or not finite
    public AttentionSpec softcap(double bound) {
        if (!(bound >= 0 && bound < Double.POSITIVE_INFINITY)) {
            throw new ConfigException("softcap: " + bound + " is not a bound; use 0 for none, or a positive value");
        }
        return with(copy -> copy.softcap = bound);
    }

    /// A norm of the joined heads before the output projection (Sub-LN).
    public AttentionSpec innerNorm(Norm.Factory norm) {
        return with(copy -> copy.innerNorm = norm);
    }

    /// The joined heads are the output.
    public AttentionSpec withoutOutputProjection() {
        return with(copy -> copy.outputProjection = false);
    }

    /// In causal cross-attention with fewer keys than queries, lets the first queries see nothing and be zero.
    public AttentionSpec acceptingDeadRows() {
        return with(copy -> copy.deadRows = true);
    }

    /// The kind of the projections; [Dense] by default.
    public AttentionSpec linear(Linear.Factory kind) {
        return with(copy -> copy.linear = kind);
    }

    /// How the projections' weights are drawn; Gaussian with deviation 0.02 by default.
    public AttentionSpec initialiser(Initialiser other) {
        return with(copy -> copy.initialiser = other);
    }

    /// Query heads, H.
    public int heads() {
        return heads;
    }

    /// Key/value heads, G.
    public int keyValueHeads() {
        return keyValueHeads;
    }

    /// Whether projections add a bias.
    public boolean hasBias() {
        return bias;
    }

    /// Whether the joined heads are projected back to the model's width.
    public boolean hasOutputProjection() {
        return outputProjection;
    }

    /// Which keys a query may see.
    public AttentionPattern pattern() {
        return pattern;
    }

    /// True with a position on queries and keys or on the scores.
    @Override
    public boolean knowsPositions() {
        return position != null || scorePosition != null;
    }

    boolean isCross() {
        return contextWidth.isPresent();
    }

    boolean isCausal() {
        return pattern.isCausal(heads);
    }

    int headWidthIn(int width) {
        return headWidth.orElseGet(() -> HeadWidth.of(width, heads));
    }

    /// Makes the layer for a model width.
    ///
    /// @throws ConfigException if the width is less than 1 or does not divide into the heads, or a choice does not
    ///     fit another
    public Attention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    @Override
    public Attention create(int width, double residualScale, Seed seed) {
        positive("width", width);
        if (isCross() && (position != null || scorePosition != null)) {
            throw new ConfigException(
                    "position: tokens of a context have no distance to the queries; use none in cross-attention");
        }
        return new Attention(this, width, residualScale, seed);
    }
}
