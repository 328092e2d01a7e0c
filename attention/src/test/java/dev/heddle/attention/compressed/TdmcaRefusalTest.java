package dev.heddle.attention.compressed;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Map;

class TdmcaRefusalTest {
    private static final Variant VARIANT = new CompressedCatalog().variants().getFirst();
    private static final Config MEMORY =
            Config.parse("{\"layer\": \"memory_compressed\", \"d_model\": 12, \"num_heads\": 3}");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"layer\": \"global\"}|layer: 'global' is not known",
                "{\"num_heads\": 5}|heads: width 12 is not divisible by 5 heads; use 10 or 15",
                "{\"num_heads\": 0}|0 heads",
                "{\"factor\": 0}|factor 0",
                "{\"nonlinearity\": \"relu\"}|nonlinearity: 'relu' is not known",
                "{\"compress_on\": \"output\"}|compress_on: 'output' is not known",
                "{\"scale\": \"one\"}|scale: 'one' is not known",
                "{\"conv_groups\": 5}|conv_groups: width 12 is not divisible by 5 groups",
                "{\"conv_groups\": 0}|conv_groups 0",
                "{\"null_kv\": true}|null_kv: true",
                "{\"compress_on\": \"kv\", \"prepend_first\": true}|prepend_first: true",
                "{\"shared_kv_conv\": false}|shared_kv_conv: false",
                "{\"layer\": \"local_block\", \"block_length\": 0}|block_length: 0",
                "{\"layer\": \"local_block\", \"num_heads\": 7}|not divisible by 7 heads",
                "{\"layer\": \"local_block\", \"causal\": false}|causal: false",
            })
    void badConfigurationsAreRefused(String changes, String message) {
        Config config = MEMORY;
        for (String key : Config.parse(changes).keys()) {
            config = config.with(key, Config.parse(changes).get(key));
        }
        Config bad = config;
        assertThatThrownBy(() -> VARIANT.build(bad, Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void badInputsAreRefused() {
        Subject subject = VARIANT.build(MEMORY, Seed.of(1));
        Tensor x = Tensor.zeros(DType.F32, 1, 5, 12);
        refused(subject, Map.of(), InputException.class, "input x: missing");
        refused(subject, Map.of("x", x, "context", x), InputException.class, "memory is made from x");
        refused(subject, Map.of("x", Tensor.zeros(DType.F32, 1, 5, 11)), ShapeException.class, "[B, tokens, 12]");
        assertThatThrownBy(() -> subject.run(Map.of("x", x), Form.chunkwise(0)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("chunk: 0");
    }

    private static void refused(
            Subject subject, Map<String, Tensor> inputs, Class<? extends HeddleException> kind, String message) {
        assertThatThrownBy(() -> subject.run(inputs, Form.PARALLEL)).isInstanceOf(kind).hasMessageContaining(message);
    }

    @Test
    void badStatesAreRefused() {
        MemoryCompression spec = MemoryCompression.ofInput(3, 4);
        TdmcaLayer layer = spec.create(12, Seed.of(1));
        TdmcaLayer other = spec.create(12, Seed.of(1));
        Tensor x = Tensor.zeros(DType.F32, 2, 1, 12);
        assertThatThrownBy(() -> layer.advance(x, other.start(2, 5, DType.F32)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("another layer");
        assertThatThrownBy(() -> layer.advance(x, layer.start(3, 5, DType.F32)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("3 sequences");
        assertThatThrownBy(() -> layer.start(0, 5, DType.F32))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("batch 0");
        assertThatThrownBy(() -> spec.causal(false).create(12, Seed.of(1)).start(1, 5, DType.F32))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("later tokens");
    }
}
