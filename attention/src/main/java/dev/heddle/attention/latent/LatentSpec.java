package dev.heddle.attention.latent;

import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import org.jspecify.annotations.Nullable;

import java.util.OptionalInt;
import java.util.function.Consumer;

/// What [LatentAttention] is made from; immutable, every choice makes a new one.
///
/// Without further choice queries are not compressed, the latent rank is a quarter of the model's width, heads divide
/// the width as in multi-head attention, half as many columns again rotate, and the pattern is causal.
public final class LatentSpec implements TokenMixer.Factory {
    final int heads;
    int queryRank;
    OptionalInt latentRank = OptionalInt.empty();
    OptionalInt keyWidth = OptionalInt.empty();
    OptionalInt rotaryWidth = OptionalInt.empty();
    OptionalInt valueWidth = OptionalInt.empty();
    double normEpsilon = 1e-6;
    AttentionPattern pattern = Patterns.causal();
    Rope.Spec rotary = Rope.base(10_000);
    @Nullable LongContext longContext;
    Initialiser initialiser = Initialiser.normal(0.02);

    // The rotary embedding for the long context: one object, so that all layers share its tables.
    Rope.Spec extendedRotary = rotary;

    LatentSpec(int heads) {
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        this.heads = heads;
    }

    private LatentSpec with(Consumer<LatentSpec> change) {
        LatentSpec copy = new LatentSpec(heads);
        copy.queryRank = queryRank;
        copy.latentRank = latentRank;
        copy.keyWidth = keyWidth;
        copy.rotaryWidth = rotaryWidth;
        copy.valueWidth = valueWidth;
        copy.normEpsilon = normEpsilon;
        copy.pattern = pattern;
        copy.rotary = rotary;
        copy.longContext = longContext;
        copy.initialiser = initialiser;
        change.accept(copy);
        LongContext context = copy.longContext;
        copy.extendedRotary = context == null ? copy.rotary : context.extend(copy.rotary);
        return copy;
    }

    /// Compresses queries to this rank, rq, and norms them before they are projected to the heads; 0, the default, does
    /// not.
    public LatentSpec queryRank(int rank) {
        return with(copy -> copy.queryRank = rank);
    }

    /// The rank of the latents, rc.
    public LatentSpec latentRank(int rank) {
        return with(copy -> copy.latentRank = OptionalInt.of(rank));
    }

    /// The columns of a head's queries and keys that carry no position, dn.
    public LatentSpec keyWidth(int width) {
        return with(copy -> copy.keyWidth = OptionalInt.of(width));
    }

    /// The columns that rotate, dr: of every head's queries, and of the one key that all heads share.
    public LatentSpec rotaryWidth(int width) {
        return with(copy -> copy.rotaryWidth = OptionalInt.of(width));
    }

    /// The width of a head's values, dv.
    public LatentSpec valueWidth(int width) {
        return with(copy -> copy.valueWidth = OptionalInt.of(width));
    }

    /// What the norms of the latents add under the root; 1e-6 by default.
    public LatentSpec normEpsilon(double epsilon) {
        return with(copy -> copy.normEpsilon = epsilon);
    }

    /// Which keys a query may see; causal by default.
    public LatentSpec pattern(AttentionPattern other) {
        return with(copy -> copy.pattern = other);
    }

    /// The rotary embedding; base 10,000 and interleaved by default.
    public LatentSpec rotary(Rope.Spec other) {
        return with(copy -> copy.rotary = other);
    }

    /// YaRN for sequences longer than those trained on; none by default.
    public LatentSpec longContext(LongContext context) {
        return with(copy -> copy.longContext = context);
    }

    /// How the projections' weights are drawn; Gaussian with deviation 0.02 by default.
    public LatentSpec initialiser(Initialiser other) {
        return with(copy -> copy.initialiser = other);
    }

    /// Heads, H.
    public int heads() {
        return heads;
    }

    /// Which keys a query may see.
    public AttentionPattern pattern() {
        return pattern;
    }

    /// True: a part of every query and key rotates.
    @Override
    public boolean knowsPositions() {
        return true;
    }

    /// The longest sequence in tokens that the positions are made for.
    public int longest() {
        return longContext == null ? Integer.MAX_VALUE : longContext.maxLength();
    }

    /// The widths in a model of width D.
    ///
    /// @throws ConfigException if one of them is out of range
    public LatentSizes sizesIn(int width) {
        int head = Math.max(1, width / heads);
        int half = Math.max(2, head / 2 / 2 * 2);
        return new LatentSizes(
                width,
                heads,
                queryRank,
                latentRank.orElse(Math.max(1, width / 4)),
                keyWidth.orElse(head),
                rotaryWidth.orElse(half),
                valueWidth.orElse(head));
    }

    /// The factor on the products of queries and keys, `μ²/√dq`.
    double scale(LatentSizes sizes) {
        return (longContext == null ? 1 : longContext.scoreFactor()) / Math.sqrt(sizes.queryWidth());
    }

    /// Makes the layer for a model width.
    ///
    /// @throws ConfigException if a width is out of range
    public LatentAttention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    @Override
    public LatentAttention create(int width, double residualScale, Seed seed) {
        return new LatentAttention(this, sizesIn(width), residualScale, seed);
    }
}
