package dev.heddle.attention.global;

import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.PerHead;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.QueryKeyPosition;

import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// What Longformer's attention is made from; immutable.
///
/// @param heads H, a divisor of the model width
/// @param window neighbours seen on each side
/// @param dilation distance between the neighbours seen, for each head
/// @param causal whether keys after a query are masked
/// @param globalTokens whether there are projections for global tokens
/// @param bias whether the projections of queries, keys and values have biases
/// @param outputProjection whether the joined heads are projected
/// @param initialiser of the projections
/// @param position on queries and keys, those of global tokens as well; empty for none
public record LongformerSpec(
        int heads,
        int window,
        List<Integer> dilation,
        boolean causal,
        boolean globalTokens,
        boolean bias,
        boolean outputProjection,
        Initialiser initialiser,
        Optional<QueryKeyPosition.Factory> position)
        implements TokenMixer.Positionable {

    /// @throws ConfigException if there are no heads, no neighbours, or not one dilation of 1 or more for each head
    public LongformerSpec {
        dilation = List.copyOf(dilation);
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        if (window < 1) {
            throw new ConfigException("window: " + window + " neighbours on each side; use 1 or more");
        }
        if (dilation.size() != heads) {
            throw new ConfigException(
                    "dilation: " + dilation + " for " + heads + " heads; give one number for each head");
        }
        if (dilation.stream().anyMatch(rate -> rate < 1)) {
            throw new ConfigException("dilation: " + dilation + " holds a number below 1; use 1 for a plain window");
        }
    }

    /// Windows without dilation that look both ways, with global tokens and biases, without an output projection.
    ///
    /// @throws ConfigException if there are no heads or no neighbours
    public static LongformerSpec of(int heads, int window) {
        return new LongformerSpec(
                heads,
                window,
                Collections.nCopies(Math.max(0, heads), 1),
                false,
                true,
                true,
                false,
                Initialiser.normal(0.02),
                Optional.empty());
    }

    /// With the dilation of each head.
    ///
    /// @throws ConfigException if it is not one number of 1 or more for each head
    public LongformerSpec dilation(List<Integer> choice) {
        return new LongformerSpec(
                heads, window, choice, causal, globalTokens, bias, outputProjection, initialiser, position);
    }

    /// With keys after a query masked or not.
    public LongformerSpec causal(boolean choice) {
        return new LongformerSpec(
                heads, window, dilation, choice, globalTokens, bias, outputProjection, initialiser, position);
    }

    /// With projections for global tokens or not.
    public LongformerSpec globalTokens(boolean choice) {
        return new LongformerSpec(
                heads, window, dilation, causal, choice, bias, outputProjection, initialiser, position);
    }

    /// With biases in the projections of queries, keys and values or not.
    public LongformerSpec bias(boolean choice) {
        return new LongformerSpec(
                heads, window, dilation, causal, globalTokens, choice, outputProjection, initialiser, position);
    }

    /// With an output projection or not.
    public LongformerSpec outputProjection(boolean choice) {
        return new LongformerSpec(heads, window, dilation, causal, globalTokens, bias, choice, initialiser, position);
    }

    /// With other first values.
    public LongformerSpec initialiser(Initialiser choice) {
        return new LongformerSpec(
                heads, window, dilation, causal, globalTokens, bias, outputProjection, choice, position);
    }

    /// With a position on queries and keys.
    @Override
    public LongformerSpec position(QueryKeyPosition.Factory choice) {
        return new LongformerSpec(
                heads,
                window,
                dilation,
                causal,
                globalTokens,
                bias,
                outputProjection,
                initialiser,
                Optional.of(choice));
    }

    @Override
    public boolean knowsPositions() {
        return position.isPresent();
    }

    /// The windows, one for each head.
    AttentionPattern windows() {
        return new PerHead(
                dilation.stream()
                        .<AttentionPattern>map(rate -> new Window(window, causal ? 0 : window, rate))
                        .toList());
    }

    /// Tokens before a query that some head may see.
    long reach() {
        return (long) window * Collections.max(dilation);
    }

    /// @throws ConfigException if the heads do not divide the width
    public Longformer create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    /// @throws ConfigException if the heads do not divide the width
    @Override
    public Longformer create(int width, double residualScale, Seed seed) {
        return new Longformer(this, width, residualScale, seed);
    }
}
