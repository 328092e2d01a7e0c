package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

import java.util.Map;

class PairTimesTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

    private static Name name(String who, String context, String sparsity) {
        return new Name("forward", who, Map.of("context", context, "sparsity", sparsity));
    }

    @Test
    void timeIsRelativeToThePairsOfCausalAttentionOverAsManyTokens() {
        PairTimes times = new PairTimes();
        times.add(name("heddle", "16", "causal"), 136);
        times.add(name("heddle", "64", "causal"), 2080);
        // Every fourth key: 4·(1 + 2 + 3 + 4) pairs of 16 tokens, at three times the price.
        times.add(name("heddle", "16", "atrous-root"), 3 * 40);
        assertThat(times.relative(name("heddle", "16", "atrous-root"))).isCloseTo(3, ROUNDING);
        assertThat(times.relative(name("heddle", "16", "causal"))).isCloseTo(1, ROUNDING);
    }

    @Test
    void withoutCausalAttentionBySameHandThereIsNoFigure() {
        PairTimes times = new PairTimes();
        times.add(name("torch", "16", "causal"), 136);
        times.add(name("heddle", "16", "atrous-root"), 40);
        times.add(new Name("softmax", "heddle", Map.of("rows", "3")), 1);
        assertThat(times.relative(name("heddle", "16", "atrous-root"))).isNull();
        assertThat(times.relative(new Name("softmax", "heddle", Map.of("rows", "3")))).isNull();
    }

    @Test
    void everySparsityHasAnIdThatNamesIt() {
        assertThat(Sparsity.ids()).contains("causal", "sparse-su").allMatch(id -> Sparsity.of(id).id().equals(id));
    }
}
