package dev.heddle.attention.dilated;

import dev.heddle.attention.TokenMixer;
import dev.heddle.attention.kernel.Combine;
import dev.heddle.attention.pattern.DilatedSegments;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.QueryKeyPosition;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// What dilated attention is made from; immutable.
///
/// @param heads H, a divisor of the model width
/// @param segments the segment length `w` of each pair
/// @param rates the dilation rate `r` of each pair, at most its `w`
/// @param causal whether keys after a query are masked
/// @param mixture what gradients see of the weights of the pairs' mixture
/// @param offset which positions of a segment a head keeps
/// @param bias whether the projections of queries, keys and values have biases
/// @param innerNorm whether a layer norm precedes the output projection
/// @param initialiser of the projections
/// @param position on queries and keys; empty for none
public record DilatedSpec(
        int heads,
        List<Integer> segments,
        List<Integer> rates,
        boolean causal,
        Combine.Weights mixture,
        DilatedSegments.Offset offset,
        boolean bias,
        boolean innerNorm,
        Initialiser initialiser,
        Optional<QueryKeyPosition.Factory> position)
        implements TokenMixer.Positionable {

    /// @throws ConfigException if there are no heads or pairs, or a pair is none
    public DilatedSpec {
        segments = List.copyOf(segments);
        rates = List.copyOf(rates);
        if (heads < 1) {
            throw new ConfigException("heads: " + heads + " is less than 1; use 1 or more");
        }
        if (segments.isEmpty() || segments.size() != rates.size()) {
            throw new ConfigException(
                    "segment_lengths: "
                            + segments
                            + " and dilation_rates "
                            + rates
                            + " are not pairs; give as many of each, at least one");
        }
        for (int pair = 0; pair < segments.size(); pair++) {
            new DilatedSegments(segments.get(pair), rates.get(pair), heads, offset, causal);
        }
    }

    /// Causal attention as published: mixture weights are constants to the gradient, neighbouring heads share an offset,
    /// projections have biases.
    ///
    /// @throws ConfigException if there are no heads or pairs, or a pair is none
    public static DilatedSpec of(int heads, List<Integer> segments, List<Integer> rates) {
        return new DilatedSpec(
                heads,
                segments,
                rates,
                true,
                Combine.Weights.CONSTANT,
                DilatedSegments.Offset.CONTIGUOUS,
                true,
                false,
                Initialiser.normal(0.02),
                Optional.empty());
    }

    /// With keys after a query masked or not.
    public DilatedSpec causal(boolean choice) {
        return new DilatedSpec(heads, segments, rates, choice, mixture, offset, bias, innerNorm, initialiser, position);
    }

    /// With another gradient of the mixture.
    public DilatedSpec mixture(Combine.Weights choice) {
        return new DilatedSpec(heads, segments, rates, causal, choice, offset, bias, innerNorm, initialiser, position);
    }

    /// With another rule of offsets.
    public DilatedSpec offset(DilatedSegments.Offset choice) {
        return new DilatedSpec(heads, segments, rates, causal, mixture, choice, bias, innerNorm, initialiser, position);
    }

    /// With biases in the projections of queries, keys and values or not.
    public DilatedSpec bias(boolean choice) {
        return new DilatedSpec(
                heads, segments, rates, causal, mixture, offset, choice, innerNorm, initialiser, position);
    }

    /// With a layer norm before the output projection or not.
    public DilatedSpec innerNorm(boolean choice) {
        return new DilatedSpec(heads, segments, rates, causal, mixture, offset, bias, choice, initialiser, position);
    }

    /// With other first values.
    public DilatedSpec initialiser(Initialiser choice) {
        return new DilatedSpec(heads, segments, rates, causal, mixture, offset, bias, innerNorm, choice, position);
    }

    /// With a position on queries and keys.
    @Override
    public DilatedSpec position(QueryKeyPosition.Factory choice) {
        return new DilatedSpec(
                heads, segments, rates, causal, mixture, offset, bias, innerNorm, initialiser, Optional.of(choice));
    }

    @Override
    public boolean knowsPositions() {
        return position.isPresent();
    }

    /// One pattern for each pair.
    public List<DilatedSegments> patterns() {
        return IntStream.range(0, segments.size())
                .mapToObj(pair -> new DilatedSegments(segments.get(pair), rates.get(pair), heads, offset, causal))
                .toList();
    }

    /// @throws ConfigException if the heads do not divide the width
    public DilatedAttention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    /// @throws ConfigException if the heads do not divide the width
    @Override
    public DilatedAttention create(int width, double residualScale, Seed seed) {
        return new DilatedAttention(this, width, residualScale, seed);
    }
}
