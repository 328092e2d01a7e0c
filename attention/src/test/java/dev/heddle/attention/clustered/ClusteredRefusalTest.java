package dev.heddle.attention.clustered;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.HashMap;
import java.util.Map;

class ClusteredRefusalTest {
    private static final Variant VARIANT = new ClusteredCatalog().variants().getFirst();
    private static final Config IMPROVED =
            Config.parse("{\"kind\": \"improved\", \"clusters\": 3, \"num_heads\": 2, \"head_dim\": 5, \"topk\": 2}");
    private static final Map<String, Tensor> INPUTS =
            Map.of("q", zeros(1, 2, 7, 5), "k", zeros(1, 2, 7, 5), "v", zeros(1, 2, 7, 5));

    private static Tensor zeros(int... sizes) {
        return Tensor.zeros(DType.F32, sizes);
    }

    private static Tensor ids(int id) {
        int[] ids = new int[14];
        ids[9] = id;
        return Tensor.of(ids, 1, 2, 7);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"kind\": \"fast\"}|kind: 'fast' is not known",
                "{\"clusters\": 0}|clusters: 0",
                "{\"topk\": 0}|topk: 0",
                "{\"bits\": 64}|bits: 64",
                "{\"bits\": 0}|bits: 0",
                "{\"iterations\": 0}|iterations: 0",
                "{\"mass_gradient\": \"half\"}|mass_gradient: 'half' is not known",
                "{\"num_heads\": 0}|num_heads: 0",
                "{\"causal\": true}|'causal' is not known",
            })
    void badConfigurationsAreRefused(String changes, String message) {
        Config config = IMPROVED;
        for (String key : Config.parse(changes).keys()) {
            config = config.with(key, Config.parse(changes).get(key));
        }
        Config bad = config;
        assertThatThrownBy(() -> VARIANT.build(bad, Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(ints = {4097, Integer.MAX_VALUE})
    void farMoreClustersThanTokensAreRefused(int clusters) {
        Map<String, Tensor> inputs = new HashMap<>(INPUTS);
        inputs.put("clusters", ids(1));
        Subject subject = VARIANT.build(IMPROVED.with("clusters", clusters), Seed.of(1));
        assertThatThrownBy(() -> subject.run(inputs, Form.PARALLEL))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("in sequences of 7 tokens; use at most 4096");
    }

    @Test
    void badInputsAreRefused() {
        refused("clusters", ids(3), InputException.class, "id 3 is outside; use 0..2");
        refused("clusters", ids(-1), InputException.class, "id -1");
        refused("clusters", zeros(1, 2, 7), ShapeException.class, "I32");
        refused("clusters", Tensor.of(new int[14], 1, 7, 2), ShapeException.class, "do not fit");
        refused("lengths", Tensor.of(new int[] {8}, 1), InputException.class, "lengths: 8");
        refused("lengths", Tensor.of(new int[] {-1}, 1), InputException.class, "lengths: -1");
        refused("lengths", Tensor.of(new int[] {7, 7}, 2), ShapeException.class, "I32 [1]");
        refused("lengths", Tensor.of(new int[] {2}, 1), InputException.class, "3 different initial centroids");
        refused("init", Tensor.of(new int[] {0, 1, 7}, 3), InputException.class, "query 7");
        refused("init", Tensor.of(new int[] {0, 1}, 2), ShapeException.class, "I32 [3]");
        refused("planes", zeros(63, 5), ShapeException.class, "[63, 6]");
        refused("key_mask", Tensor.of(new boolean[7], 1, 7), InputException.class, "no mask but lengths");
        refused("q", zeros(1, 3, 7, 5), ShapeException.class, "[B, 2, L, 5]");
        refused("v", zeros(1, 2, 6, 5), ShapeException.class, "do not fit");
    }

    private static void refused(String name, Tensor input, Class<? extends HeddleException> kind, String message) {
        Subject subject = VARIANT.build(IMPROVED, Seed.of(1));
        Map<String, Tensor> inputs = new HashMap<>(INPUTS);
        inputs.put(name, input);
        assertThatThrownBy(() -> subject.run(inputs, Form.PARALLEL)).isInstanceOf(kind).hasMessageContaining(message);
    }

    @Test
    void clustersAreEitherGivenOrFound() {
        Map<String, Tensor> both = new HashMap<>(INPUTS);
        both.put("clusters", ids(1));
        both.put("init", Tensor.of(new int[3], 3));
        Subject subject = VARIANT.build(IMPROVED, Seed.of(1));
        assertThatThrownBy(() -> subject.run(both, Form.PARALLEL))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("one of both");
    }

    @Test
    void idsOfPaddingMeanNothing() {
        Map<String, Tensor> inputs = new HashMap<>(INPUTS);
        int[] padded = new int[14];
        padded[6] = -1;
        padded[13] = 99;
        inputs.put("clusters", Tensor.of(padded, 1, 2, 7));
        inputs.put("lengths", Tensor.of(new int[] {6}, 1));
        Map<String, Tensor> outputs = VARIANT.build(IMPROVED, Seed.of(1)).run(inputs, Form.PARALLEL);
        assertThat(outputs.get("counts").toInts()).containsExactly(6, 0, 0, 6, 0, 0);
    }

    // Clustering has no gradient and no y, so the suite cannot run it as an example.
    @Test
    void clusteringAloneGivesIntegersAndCostsItsHashes() {
        Config config = Config.parse("{\"kind\": \"clustering\", \"clusters\": 4, \"bits\": 31}");
        Subject subject = VARIANT.build(config, Seed.of(1));
        Map<String, Tensor> inputs = subject.sampleInputs(1, 19, DType.F32, Seed.of(2));
        assertThat(WorkMeter.measure(() -> subject.run(inputs, Form.PARALLEL)))
                .isEqualTo(subject.cost(19).multiplyAdds())
                .isPositive();
        Map<String, Tensor> outputs = subject.run(inputs, Form.PARALLEL);
        assertThat(outputs.keySet()).containsExactlyInAnyOrder("clusters", "counts", "hashes", "centroids");
        outputs.values().forEach(output -> assertThat(output.dtype()).isEqualTo(DType.I32));
    }
}
