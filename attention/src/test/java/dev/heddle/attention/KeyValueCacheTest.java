package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Alibi;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

class KeyValueCacheTest {
    private static final double EXACT = 1e-12;
    private static final int B = 2;
    private static final int N = 11;
    private static final int D = 12;

    private static final Tensor X = Tensors.random("x", B, N, D);

    static Stream<Attention> layers() {
        AttentionPattern window = Patterns.local(2, 2).and(Patterns.causal());
        return Stream.of(
                        Attention.multiHead(3).bias(true),
                        Attention.multiQuery(4).position(Rope.base(30)).headWidth(6),
                        Attention.grouped(6, 2).position(Alibi.standard()).softcap(3),
                        Attention.grouped(4, 2).pattern(window))
                .map(spec -> Tensors.layer(spec, D));
    }

    private static void equal(Tensor a, Tensor b) {
        assertThat(Tensors.difference(a, b)).isLessThanOrEqualTo(EXACT);
    }

    private static Step advance(Attention layer, MixerState state, int from, int to) {
        return layer.advance(Tensors.rows(X, 1, from, to), state);
    }

    private static KeyValueCache read(Attention layer, int tokens) {
        return (KeyValueCache) advance(layer, layer.start(B, 1, DType.F64), 0, tokens).state();
    }

    @ParameterizedTest
    @MethodSource("layers")
    void tokenByTokenEqualsTheWholeSequence(Attention layer) {
        Tensor whole = layer.forward(X);
        MixerState state = layer.start(B, 3, DType.F64);
        for (int i = 0; i < N; i++) {
            // The step's own scope must not take the cache with it.
            try (Scope _ = Scope.open()) {
                Step step = advance(layer, state, i, i + 1);
                equal(step.y(), Tensors.rows(whole, 1, i, i + 1));
                state = step.state();
            }
            assertThat(state.length()).isEqualTo(i + 1);
            assertThat(state.elements()).isEqualTo(B * layer.stateElements(i + 1));
        }
    }

    @ParameterizedTest
    @MethodSource("layers")
    void everySplitOfThePromptGivesTheSame(Attention layer) {
        Tensor whole = layer.forward(X);
        for (int n = 0; n <= N; n++) {
            Step first = advance(layer, layer.start(B, 1, DType.F64), 0, n);
            Step second = advance(layer, first.state(), n, N);
            equal(first.y(), Tensors.rows(whole, 1, 0, n));
            equal(second.y(), Tensors.rows(whole, 1, n, N));
        }
    }

    @Test
    void aForkLeavesTheOtherLineAsItWas() {
        Attention layer = Tensors.layer(Attention.grouped(4, 2).position(Rope.base(30)), D + 4);
        Tensor prompt = Tensors.random("prompt", B, 3, D + 4);
        Tensor left = Tensors.random("left", B, 4, D + 4);
        Tensor right = Tensors.random("right", B, 4, D + 4);
        MixerState shared = layer.advance(prompt, layer.start(B, 16, DType.F64)).state();
        Tensor before = ((KeyValueCache) shared).keys();

        Step a = layer.advance(left, shared);
        Step b = layer.advance(right, shared);
        Step longer = layer.advance(right, a.state());

        equal(a.y(), layer.advance(left, layer.advance(prompt, layer.start(B, 1, DType.F64)).state()).y());
        equal(b.y(), layer.advance(right, layer.advance(prompt, layer.start(B, 1, DType.F64)).state()).y());
        equal(layer.advance(right, a.state()).y(), longer.y());
        assertThat(Tensors.difference(((KeyValueCache) shared).keys(), before)).isZero();
    }

    @Test
    void theNewestCacheAppendsInPlaceAndAnOlderOneCopies() {
        Attention layer = Tensors.layer(Attention.multiHead(3), D);
        KeyValueCache start = layer.start(B, N, DType.F64);
        KeyValueCache first = (KeyValueCache) advance(layer, start, 0, 2).state();
        KeyValueCache second = (KeyValueCache) advance(layer, first, 2, 3).state();
        KeyValueCache fork = (KeyValueCache) advance(layer, first, 2, 3).state();
        assertThat(second.keyMemory().address()).isEqualTo(start.keyMemory().address());
        assertThat(fork.keyMemory().address()).isNotEqualTo(start.keyMemory().address());
    }

    @Test
    void noTokensGiveNothingInEveryForm() {
        Subject subject =
                Catalog.of(List.of(new AttentionCatalog()))
                        .variant("gqa")
                        .build(Config.parse("{\"d_model\": 12, \"n_heads\": 4, \"n_kv_heads\": 2}"), Seed.of(0));
        Map<String, Tensor> inputs = Map.of("x", Tensor.zeros(DType.F32, B, 0, 12));
        for (Form form : List.of(Form.PARALLEL, Form.chunkwise(3), Form.RECURRENT)) {
            Map<String, Tensor> outputs = subject.run(inputs, form);
            assertThat(outputs.get("y").shape()).isEqualTo(Shape.of(B, 0, 12));
            assertThat(outputs.get("k_cache").shape()).isEqualTo(Shape.of(B, 2, 0, 3));
        }
    }

    @Test
    void memoryDoublesWhenItIsFull() {
        Attention layer = Tensors.layer(Attention.multiHead(3), D);
        assertThat(read(layer, 1).capacity()).isEqualTo(1);
        assertThat(read(layer, 7).capacity()).isEqualTo(7);
        MixerState five = advance(layer, layer.start(B, 4, DType.F64), 0, 5).state();
        assertThat(((KeyValueCache) five).capacity()).isEqualTo(8);
    }

    @Test
    void aCacheOfAnotherLayerIsRefused() {
        Attention layer = Tensors.layer(Attention.multiHead(3), D);
        KeyValueCache other = read(Tensors.layer(Attention.multiHead(3), D), 2);
        assertThatThrownBy(() -> advance(layer, other, 2, 3))
                .isInstanceOf(InputException.class)
                .hasMessage("cache: it was started by another layer; use one from this layer's start");
    }

    @Test
    void anotherBatchOrTypeIsRefused() {
        Attention layer = Tensors.layer(Attention.multiHead(3), D);
        KeyValueCache cache = read(layer, 2);
        assertThatThrownBy(() -> layer.advance(Tensors.random("x", B + 1, 1, D), cache))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("cache: it holds 2 sequences and the input is [3, 1, 12]");
        KeyValueCache narrow = layer.start(B, 1, DType.F32);
        assertThatThrownBy(() -> advance(layer, narrow, 0, 1))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("it holds F32");
    }

    @Test
    void attentionThatLooksAheadHasNoCache() {
        Attention full = Tensors.layer(Attention.multiHead(3).pattern(Patterns.full()), D);
        assertThatThrownBy(() -> full.start(1, 1, DType.F64))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("sees later tokens");
        assertThatThrownBy(() -> Tensors.layer(Attention.multiHead(3), D).start(0, 1, DType.F64))
                .isInstanceOf(InputException.class);
    }
}
