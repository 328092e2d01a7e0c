package dev.heddle.attention.composed;

import dev.heddle.attention.HeadWidth;
import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;

import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Consumer;

/// What composed attention is made from; immutable, every choice makes a new one. By default everything of the paper
/// is on.
public final class ComposedSpec implements TokenMixer.Positionable {
    final int heads;
    OptionalInt headWidth = OptionalInt.empty();
    int rank = 2;
    boolean staticMixing = true;
    boolean dynamic = true;
    boolean gate = true;
    boolean queryWise = true;
    boolean keyWise = true;
    boolean preCompose = true;
    boolean postCompose = true;
    OptionalDouble queryKeyNorm = OptionalDouble.of(1e-6);
    double dynamicNormEps = 1e-6;
    QueryKeyPosition.@Nullable Factory position = Rope.base(10_000).halfSplit();
    AttentionPattern pattern = Patterns.causal();
    Activation activation = Activation.GELU;
    Linear.Factory linear = Dense::new;
    Initialiser initialiser = Initialiser.normal(0.02);

    ComposedSpec(int heads) {
        if (heads < 2 || heads % 2 != 0) {
            throw new ConfigException(
                    "heads: " + heads + " heads cannot be composed; use an even number, for example " + nearest(heads));
        }
        this.heads = heads;
    }

    private static int nearest(int heads) {
        return Math.max(2, heads + 1);
    }

    private ComposedSpec with(Consumer<ComposedSpec> change) {
        ComposedSpec copy = new ComposedSpec(heads);
        copy.headWidth = headWidth;
        copy.rank = rank;
        copy.staticMixing = staticMixing;
        copy.dynamic = dynamic;
        copy.gate = gate;
        copy.queryWise = queryWise;
        copy.keyWise = keyWise;
        copy.preCompose = preCompose;
        copy.postCompose = postCompose;
        copy.queryKeyNorm = queryKeyNorm;
        copy.dynamicNormEps = dynamicNormEps;
        copy.position = position;
        copy.pattern = pattern;
        copy.activation = activation;
        copy.linear = linear;
        copy.initialiser = initialiser;
        change.accept(copy);
        return copy;
    }

    private static int positive(String what, int value) {
        if (value < 1) {
            throw new ConfigException(what + ": " + value + " is less than 1; use 1 or more");
        }
        return value;
    }

    private static double checkedEps(double eps) {
        if (!(eps >= 0 && eps < Double.POSITIVE_INFINITY)) {
            throw new ConfigException("eps: " + eps + " does not go into a norm; use 0 or more, for example 1e-6");
        }
        return eps;
    }

    /// The width of a head, by default the model's width divided by the number of heads.
    ///
    /// @throws ConfigException if it is less than 1
    public ComposedSpec headWidth(int width) {
        return with(copy -> copy.headWidth = OptionalInt.of(positive("head width", width)));
    }

    /// The rank R of the dynamic mixing; 2 by default.
    ///
    /// @throws ConfigException if it is less than 1
    public ComposedSpec rank(int wanted) {
        return with(copy -> copy.rank = positive("rank", wanted));
    }

    /// Whether a learned matrix mixes the heads of every pair alike. It costs H² multiply-adds a pair.
    public ComposedSpec staticMixing(boolean wanted) {
        return with(copy -> copy.staticMixing = wanted);
    }

    /// Whether heads are mixed by low-rank matrices made from the tokens.
    public ComposedSpec dynamic(boolean wanted) {
        return with(copy -> copy.dynamic = wanted);
    }

    /// Whether every head is scaled by a gate made from the tokens.
    public ComposedSpec gate(boolean wanted) {
        return with(copy -> copy.gate = wanted);
    }

    /// Which tokens low-rank matrices and gates are made from. Without the keys' a cache holds keys and values only.
    public ComposedSpec sides(boolean query, boolean key) {
        return with(
                copy -> {
                    copy.queryWise = query;
                    copy.keyWise = key;
                });
    }

    /// Whether scores are composed, and whether probabilities are.
    public ComposedSpec stages(boolean pre, boolean post) {
        return with(
                copy -> {
                    copy.preCompose = pre;
                    copy.postCompose = post;
                });
    }

    /// The eps of an RMS norm of each head's queries and keys, before their position; empty for no norm. 1e-6 by
    /// default.
    ///
    /// @throws ConfigException if it is negative or not finite
    public ComposedSpec queryKeyNorm(OptionalDouble eps) {
        eps.ifPresent(ComposedSpec::checkedEps);
        return with(copy -> copy.queryKeyNorm = eps);
    }

    /// The eps of the norm of `W1` over the heads; 1e-6 by default.
    ///
    /// @throws ConfigException if it is negative or not finite
    public ComposedSpec dynamicNormEps(double eps) {
        return with(copy -> copy.dynamicNormEps = checkedEps(eps));
    }

    /// Position on queries and keys, null for none; a rotary embedding of base 10,000 by default.
    @Override
    public ComposedSpec position(QueryKeyPosition.@Nullable Factory other) {
        return with(copy -> copy.position = other);
    }

    /// Which keys a query may see; causal by default. Scores and probabilities of a pair are mixed across all heads, so
    /// that a pair is seen by all of them or by none.
    ///
    /// @throws ConfigException if the pattern may differ from head to head
    public ComposedSpec pattern(AttentionPattern other) {
        if (!other.isUniform(heads)) {
            throw new ConfigException(
                    "pattern: "
                            + other
                            + " does not prove that all "
                            + heads
                            + " heads see the same keys, and a pair whose scores are mixed across the heads must have"
                            + " a score in each; use one pattern for all heads");
        }
        return with(copy -> copy.pattern = other);
    }

    /// The non-linearity that low-rank matrices are made with; exact GELU by default.
    public ComposedSpec activation(Activation other) {
        return with(copy -> copy.activation = other);
    }

    /// The kind of the projections; [Dense] by default.
    public ComposedSpec linear(Linear.Factory kind) {
        return with(copy -> copy.linear = kind);
    }

    /// How the projections' weights are drawn; Gaussian with deviation 0.02 by default.
    public ComposedSpec initialiser(Initialiser other) {
        return with(copy -> copy.initialiser = other);
    }

    /// H.
    public int heads() {
        return heads;
    }

    /// Which keys a query may see.
    public AttentionPattern pattern() {
        return pattern;
    }

    /// True with a position on queries and keys.
    @Override
    public boolean knowsPositions() {
        return position != null;
    }

    /// Whether mixing depends on the tokens at all.
    boolean dependsOnTokens() {
        return (dynamic || gate) && (queryWise || keyWise);
    }

    /// Whether keys have factors of their own.
    boolean hasKeyFactors() {
        return (dynamic || gate) && keyWise;
    }

    int headWidthIn(int width) {
        return headWidth.orElseGet(() -> HeadWidth.of(width, heads));
    }

    /// Makes the layer for a model width.
    ///
    /// @throws ConfigException if the width is less than 1 or does not divide into the heads, or the position does
    ///     not fit the heads
    public ComposedAttention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    @Override
    public ComposedAttention create(int width, double residualScale, Seed seed) {
        positive("width", width);
        return new ComposedAttention(this, width, residualScale, seed);
    }
}
