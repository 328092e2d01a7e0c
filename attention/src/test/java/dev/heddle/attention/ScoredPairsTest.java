package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.heddle.attention.compressed.TdmcaLayer;
import dev.heddle.attention.dilated.DilatedSpec;
import dev.heddle.attention.global.LongformerSpec;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// What mixers say of themselves to a stack and to a comparison, made as a stack of width 24, 4 heads and context 16 makes
/// them.
class ScoredPairsTest {
    private static TokenMixer.Factory part(String id) {
        return (TokenMixer.Factory) Catalog.load().variant(id).part(new StackSizes(24, 4, 16));
    }

    private static TokenMixer mixer(String id) {
        return part(id).create(24, 1, Seed.of(1));
    }

    static Stream<Arguments> counted() {
        return Stream.of(
                arguments("mha", 11, 4 * 66),
                arguments("mqa", 11, 4 * 66),
                arguments("mla", 11, 4 * 66),
                arguments("dcmha", 11, 4 * 66),
                // A window of 2, in every second head of every second token: 1 2 3 3 3 and 1 1 2 2 3.
                arguments("longformer", 5, 2 * (12 + 9)),
                // Segments of 4, 8 and 16 of which 4 are kept: 4, 2 and 1 triangles of 10.
                arguments("longnet-dilated", 16, 4 * 70));
    }

    @ParameterizedTest
    @MethodSource
    void counted(String id, int length, int pairs) {
        assertThat(mixer(id).scoredPairs(length)).hasValue(pairs);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 12, 29})
    void pairsOfCompressedMemoryAreThoseOfItsColumns(int length) {
        TdmcaLayer layer = (TdmcaLayer) mixer("t-dmca");
        int columns = layer.columns(length);
        long allowed =
                IntStream.range(0, length * columns)
                        .filter(at -> layer.pattern(length).allows(0, at / columns + columns - length, at % columns))
                        .count();
        assertThat(layer.scoredPairs(length)).hasValue(4 * allowed);
    }

    @Test
    void whereTheContentDecidesThereIsNoNumber() {
        assertThat(mixer("reformer").scoredPairs(11)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mla", "dcmha"})
    void theseBringAPosition(String id) {
        assertThat(part(id).knowsPositions()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mha", "local", "longformer", "longnet-dilated", "t-dmca", "reformer"})
    void theseBringNone(String id) {
        assertThat(part(id).knowsPositions()).isFalse();
    }

    @Test
    void attentionKnowsPositionsOnceItHasOne() {
        assertThat(Attention.multiHead(2).position(Rope.base(100)).knowsPositions()).isTrue();
    }

    @Test
    void whatLooksAheadDoesNotGoTokenByToken() {
        assertThat(LongformerSpec.of(2, 3).create(8, Seed.of(1)).isRecurrent()).isFalse();
        assertThat(LongformerSpec.of(2, 3).causal(true).create(8, Seed.of(1)).isRecurrent()).isTrue();
        DilatedSpec dilated = DilatedSpec.of(2, List.of(4), List.of(2));
        assertThat(dilated.causal(false).create(8, Seed.of(1)).isRecurrent()).isFalse();
        assertThat(dilated.create(8, Seed.of(1)).isRecurrent()).isTrue();
    }
}
