package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Map;

class PositionalCatalogTest {
    private static final Catalog CATALOG = Catalog.load();

    private static Subject build(String variant, String json) {
        return CATALOG.variant(variant).build(Config.parse(json), Seed.of(5));
    }

    private static Map<String, Tensor> run(Subject subject, Map<String, Tensor> inputs) {
        return subject.run(inputs, Form.PARALLEL);
    }

    @Test
    void everyVariantIsFoundAndServesAStack() {
        for (String id : List.of("learned", "sinusoidal", "rope", "alibi", "nope")) {
            Variant variant = CATALOG.variant(id);
            assertThat(variant.part(new StackSizes(64, 4, 32))).as(id).isNotNull();
            assertThat(variant.examples()).as(id).isNotEmpty();
        }
    }

    @Test
    void withoutAMaskAndAPositionPermutingTokensPermutesOutputs() {
        Subject nope = build("nope", "{\"heads\": 2, \"head_dim\": 4, \"causal\": false}");
        Map<String, Tensor> inputs = nope.sampleInputs(1, 6, DType.F64, Seed.of(1));
        int[] order = {3, 0, 5, 1, 4, 2};
        Map<String, Tensor> permuted =
                Map.of(
                        "q", permuted(inputs.get("q"), order),
                        "k", permuted(inputs.get("k"), order),
                        "v", permuted(inputs.get("v"), order));
        assertThat(Tensors.difference(run(nope, permuted).get("y"), permuted(run(nope, inputs).get("y"), order)))
                .isLessThan(1e-13);
    }

    @Test
    void withoutAPositionEarlierTokensMayBePermuted() {
        Subject nope = build("nope", "{\"heads\": 2, \"head_dim\": 4}");
        Map<String, Tensor> inputs = nope.sampleInputs(1, 6, DType.F64, Seed.of(1));
        int[] order = {3, 0, 2, 1, 4, 5};
        Map<String, Tensor> permuted =
                Map.of(
                        "q", inputs.get("q"),
                        "k", permuted(inputs.get("k"), order),
                        "v", permuted(inputs.get("v"), order));
        Tensor expected = Layout.slice(run(nope, inputs).get("y"), 2, 4, 6);
        assertThat(Tensors.difference(Layout.slice(run(nope, permuted).get("y"), 2, 4, 6), expected)).isLessThan(1e-13);
    }

    @Test
    void tablesHaveTheAxesOfThePositionsTheyAreFor() {
        Tensor positions = Tensor.of(new int[] {0, 7, 3, 9, 2, 2}, 2, 3);
        Subject rope = build("rope", "{\"head_dim\": 10, \"style\": \"half_split\"}");
        Tensor heads = rope.sampleInputs(2, 3, DType.F64, Seed.of(1)).get("x");
        assertThat(run(rope, Map.of("x", heads, "positions", positions)).get("cos").shape())
                .isEqualTo(Shape.of(2, 3, 5));
        Subject sinusoids = build("sinusoidal", "{\"dim\": 4}");
        Tensor x = sinusoids.sampleInputs(2, 3, DType.F64, Seed.of(1)).get("x");
        assertThat(run(sinusoids, Map.of("x", x, "positions", positions)).get("table").shape())
                .isEqualTo(Shape.of(2, 3, 4));
    }

    // Reorders axis 2 of [1, H, N, D].
    private static Tensor permuted(Tensor x, int[] order) {
        Tensor tokens = Layout.reshape(Layout.permute(x, 2, 0, 1, 3), order.length, -1);
        Tensor rows = Gather.rows(tokens, Tensor.of(order, order.length), "token");
        return Layout.permute(Layout.reshape(rows, order.length, 1, x.dim(1), x.dim(3)), 1, 2, 0, 3);
    }

    @Test
    void zeroSlopesAndNoRotaryColumnsEqualNope() {
        Subject nope = build("nope", "{\"heads\": 2, \"head_dim\": 4}");
        Subject flat = build("alibi", "{\"heads\": 2, \"head_dim\": 4, \"slope_scheme\": [0, 0]}");
        Map<String, Tensor> inputs = nope.sampleInputs(2, 5, DType.F64, Seed.of(2));
        assertThat(Tensors.difference(run(flat, inputs).get("y"), run(nope, inputs).get("y"))).isZero();
    }

    @Test
    void positionsOfARotaryAttentionMayBeShifted() {
        Subject rope = build("rope", "{\"heads\": 3, \"head_dim\": 4, \"style\": \"interleaved\"}");
        rope.module().convert(DType.F64);
        Tensor x = rope.sampleInputs(1, 5, DType.F64, Seed.of(2)).get("x");
        Tensor shifted = Tensor.of(new int[] {70, 71, 72, 73, 74}, 5);
        assertThat(
                        Tensors.difference(
                                run(rope, Map.of("x", x, "positions", shifted)).get("y"),
                                run(rope, Map.of("x", x)).get("y")))
                .isLessThan(1e-12);
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 16, 40})
    void dynamicScalingWithoutALengthIsForTheInputs(int length) {
        String config =
                "{\"head_dim\": 8, \"style\": \"half_split\", \"scaling\": {\"type\": \"dynamic\", \"factor\": 2.0,"
                        + " \"original_max_positions\": 16}";
        Map<String, Tensor> x = Map.of("x", Tensors.random("x", 1, 2, length, 8));
        Map<String, Tensor> given = run(build("rope", config + ", \"seq_len\": " + length + "}"), x);
        Map<String, Tensor> derived = run(build("rope", config + "}"), x);
        for (String output : given.keySet()) {
            assertThat(Tensors.difference(derived.get(output), given.get(output))).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    learned    | {"dim": 4, "max_positions": 0}                     | max_positions
                    learned    | {"dim": 0, "max_positions": 3}                     | width 0
                    learned    | {"dim": 4, "max_positions": 3, "offset": -1}       | offset
                    learned    | {"dim": 4, "max_positions": 3, "offset": 3}        | offset
                    learned    | {"dim": 4}                                         | max_positions
                    learned    | {"dim": 4.5, "max_positions": 3}                   | dim
                    sinusoidal | {"dim": 1}                                         | use 2 or more
                    sinusoidal | {"dim": 3, "layout": "concat"}                     | use 4 or more
                    sinusoidal | {"dim": 4, "base": 1}                              | base
                    sinusoidal | {"dim": 4, "layout": "paper"}                      | interleaved
                    sinusoidal | {"dim": 4, "offset": -2}                           | offset
                    rope       | {"head_dim": 8}                                    | style
                    rope       | {"head_dim": 8, "style": "neox"}                   | half_split
                    rope       | {"head_dim": 7, "style": "half_split"}             | use an even head width
                    rope       | {"head_dim": 0, "style": "half_split"}             | head_dim
                    rope       | {"head_dim": 8, "style": "half_split", "rotary_dim": 3}  | rotary_dim
                    rope       | {"head_dim": 8, "style": "half_split", "rotary_dim": -2} | rotary_dim
                    rope       | {"head_dim": 8, "style": "half_split", "rotary_dim": 10} | rotary_dim
                    rope       | {"head_dim": 8, "style": "half_split", "base": 0.5}      | base
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "linear", "factor": 0.5}} | factor
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "longrope"}}              | yarn
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"factor": 2}}                     | type
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "yarn", "factor": 2}}     | original_max_positions
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "yarn", "beta_fst": 2}}    | beta_fast
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "llama3", "factor": 2}}   | low_freq_factor
                    rope       | {"head_dim": 8, "style": "half_split", "scaling": {"type": "dynamic", "factor": 2}}  | original_max_positions
                    rope       | {"head_dim": 2000000000, "style": "half_split"}     | too large
                    sinusoidal | {"dim": 2000000000}                                 | too large
                    alibi      | {"heads": 2000000000, "head_dim": 4}                | at most
                    learned    | {"dim": 4, "max_positions": 1e400}                  | max_positions
                    alibi      | {"heads": 2, "head_dim": 4, "slope_scheme": [null, 1]} | without null
                    rope       | {"head_dim": 2, "style": "half_split", "scaling": {"type": "ntk", "factor": 2}}      | 2 rotary columns
                    rope       | {"head_dim": 8, "style": "half_split", "heads": 0} | heads
                    alibi      | {"heads": 0, "head_dim": 4}                        | heads
                    alibi      | {"heads": 2, "head_dim": 4, "slope_scheme": "best"}      | press
                    alibi      | {"heads": 2, "head_dim": 4, "slope_scheme": [1]}         | 1 given for 2 heads
                    alibi      | {"heads": 2, "head_dim": 4, "slope_scheme": [1, -1]}     | slopes
                    alibi      | {"heads": 2, "head_dim": 4, "slope_scheme": [1, "x"]}    | not a number
                    alibi      | {"heads": 2, "head_dim": 4, "causal": true, "symmetric": true} | symmetric
                    nope       | {"heads": 2, "head_dim": 0}                        | heads
                    nope       | {"heads": 2, "head_dim": 4, "slopes": 1}           | slopes
                    """)
    void aConfigThatMakesNoSenseIsRefused(String variant, String json, String word) {
        assertThatThrownBy(() -> build(variant, json)).isInstanceOf(HeddleException.class).hasMessageContaining(word);
    }

    @Test
    void inputsThatDoNotFitAreRefused() {
        Subject alibi = build("alibi", "{\"heads\": 2, \"head_dim\": 4}");
        Tensor three = Tensors.random("3", 1, 2, 3, 4);
        Tensor two = Tensors.random("2", 1, 2, 2, 4);
        assertThatThrownBy(() -> run(alibi, Map.of("q", three, "k", two, "v", two)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("3 queries are causal with 2 keys");
        assertThatThrownBy(() -> run(alibi, Map.of("q", three, "k", three)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("input v: missing");
        Tensor wide = Tensors.random("w", 1, 2, 3, 5);
        assertThatThrownBy(() -> run(alibi, Map.of("q", wide, "k", wide, "v", wide)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("[B, 2, N, 4]");
        Subject rope = build("rope", "{\"head_dim\": 4, \"style\": \"interleaved\"}");
        assertThatThrownBy(() -> run(rope, Map.of("x", wide))).hasMessageContaining("[B, N, H, 4]");
        assertThatThrownBy(() -> run(rope, Map.of("x", three, "positions", Tensor.of(new float[] {0, 1, 2}, 3))))
                .hasMessageContaining("I32");
    }
}
