package dev.heddle.lab.compare;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;

/// A column of figures in the table of a comparison.
///
/// @param name heading
/// @param unit below the heading; empty for none
/// @param better the direction that wins
/// @param value the figure of a variant; null if it has none
/// @param decimals digits after the point
record Column(String name, String unit, Better better, Function<VariantResult, @Nullable Number> value, int decimals) {
    /// Which figure wins.
    enum Better {
        LOWER,
        HIGHER,
        NEITHER
    }

    private static final String NONE = "–";
    private static final double MEBI = 1 << 20;

    static final List<Column> ALL =
            List.of(
                    new Column("parameters", "", Better.NEITHER, VariantResult::parameters, 0),
                    new Column("pairs", "per head", Better.NEITHER, result -> pairs(result, Pairs::perHead), 0),
                    new Column(
                            "pairs",
                            "% of causal",
                            Better.NEITHER,
                            result -> pairs(result, pairs -> 100 * pairs.shareOfCausal()),
                            1),
                    new Column("loss", "nats/char", Better.LOWER, VariantResult::validationLoss, 4),
                    new Column("loss", "bits/char", Better.LOWER, VariantResult::bitsPerCharacter, 4),
                    new Column("train", "tokens/s", Better.HIGHER, VariantResult::trainingTokensPerSecond, 0),
                    new Column("prefill", "tokens/s", Better.HIGHER, VariantResult::prefillTokensPerSecond, 0),
                    new Column("decode", "tokens/s", Better.HIGHER, VariantResult::decodeTokensPerSecond, 0),
                    new Column("cache", "bytes/token", Better.LOWER, VariantResult::cacheBytesPerToken, 0),
                    new Column("peak", "MiB", Better.LOWER, result -> result.peakBytes() / MEBI, 1));

    private static @Nullable Number pairs(VariantResult result, Function<Pairs, Number> figure) {
        Pairs pairs = result.pairs();
        return pairs == null ? null : figure.apply(pairs);
    }

    /// The figure, or a dash where there is none.
    String text(VariantResult result) {
        Number figure = value.apply(result);
        return figure == null ? NONE : String.format(Locale.ROOT, "%,." + decimals + "f", figure.doubleValue());
    }

    /// True if no variant has a better figure and not all have the same.
    boolean isBest(VariantResult result, List<VariantResult> all) {
        Number own = value.apply(result);
        var summary =
                all.stream().map(value).filter(Objects::nonNull).mapToDouble(Number::doubleValue).summaryStatistics();
        return own != null
                && summary.getMin() < summary.getMax()
                && switch (better) {
                    case LOWER -> own.doubleValue() == summary.getMin();
                    case HIGHER -> own.doubleValue() == summary.getMax();
                    case NEITHER -> false;
                };
    }
}
