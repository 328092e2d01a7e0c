package dev.heddle.attention.hashing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Everything that cannot work says why.
class LshRefusalTest {
    private static final Catalog CATALOG = Catalog.of(List.of(new HashingCatalog()));

    private static Subject build(String config) {
        return CATALOG.variant("reformer").build(Config.parse(config.replace('\'', '"')), Seed.of(0));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'num_heads': 2}|'head_dim' is missing",
                "{'num_heads': 0, 'head_dim': 4}|num_heads: 0",
                "{'num_heads': 2, 'head_dim': 0}|head_dim: 0",
                "{'num_heads': 2, 'head_dim': 4, 'bucket_size': 0}|bucket_size: 0",
                "{'num_heads': 2, 'head_dim': 4, 'num_hashes': 0}|num_hashes: 0",
                "{'num_heads': 2, 'head_dim': 4, 'bucket_size': 4, 'padded_length': 12}|padded_length: 12",
                "{'num_heads': 2, 'head_dim': 4, 'full_below': -1}|full_below: -1",
                "{'num_heads': 2, 'head_dim': 4, 'depth': 2}|depth: a stack needs its width",
                "{'num_heads': 3, 'd_model': 8}|heads: width 8 is not divisible by 3 heads; use 6 or 9",
                "{'num_heads': 2, 'd_model': 8, 'head_dim': 3}|head_dim: 3",
                "{'num_heads': 2, 'd_model': 8, 'depth': 0}|depth 0",
                "{'num_heads': 2, 'd_model': 8, 'depth': 1, 'ff_mult': 0}|ff_mult 0",
                "{'num_heads': 2, 'd_model': 8, 'depth': 1, 'norm': 'rms'}|norm: 'rms'",
                "{'num_heads': 2, 'd_model': 8, 'depth': 1, 'activation': 'x'}|activation: 'x'",
            })
    void configurationsThatCannotWork(String config, String message) {
        assertThatThrownBy(() -> build(config)).isInstanceOf(HeddleException.class).hasMessageContaining(message);
    }

    private static void assertRefused(Map<String, Tensor> changes, String message) {
        Subject core = build("{'num_heads': 2, 'head_dim': 3, 'bucket_size': 2, 'num_hashes': 2}");
        Map<String, Tensor> inputs = new HashMap<>(core.sampleInputs(1, 8, DType.F32, Seed.of(1)));
        inputs.remove("key_mask");
        inputs.putAll(changes);
        assertThatThrownBy(() -> core.run(inputs, Form.PARALLEL))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }

    @Test
    void inputsOfTheCoreThatDoNotFit() {
        Tensor six = SubjectInputs.normal(Shape.of(1, 2, 6, 3), DType.F32, Seed.of(1));
        assertRefused(Map.of("qk", six, "v", six), "length: 6 tokens are no multiple of two buckets of 2; pad to 8");
        assertRefused(Map.of("v", six), "do not fit");
        assertRefused(Map.of("qk", Tensor.zeros(DType.F32, 1, 3, 8, 3)), "input qk");
        assertRefused(Map.of("rotations", Tensor.zeros(DType.F32, 1, 3, 2, 1)), "rotations");
        assertRefused(Map.of("rotations", Tensor.zeros(DType.F32, 1, 3, 1, 2)), "rotations");
        assertRefused(Map.of("rotations", Tensor.zeros(DType.F32, 3, 3, 2, 2)), "rotations");
        assertRefused(Map.of("rotations", Tensor.zeros(DType.F32, 1, 4, 2, 2)), "rotations");
        assertRefused(Map.of("buckets", Tensor.zeros(DType.I32, 1, 2, 1, 8)), "input buckets");
        assertRefused(
                Map.of("buckets", Tensor.zeros(DType.I32, 1, 2, 2, 8)), "buckets: 0 in round 1 of 4 buckets; use 4..7");
        assertRefused(Map.of("key_mask", Tensor.of(new boolean[7], 1, 7)), "key_mask");
    }

    @Test
    void inputsOfTheLayerThatDoNotFit() {
        LshAttention layer = LshAttentionSpec.of(2).bucketSize(2).paddedLength(8).create(6, Seed.of(1));
        assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 1, 8, 5)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("[B, tokens, 6]");
        assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 1, 9, 6)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("length: 9 tokens are more than the padded length 8");
        Tensor mask = Tensor.of(new boolean[8], 1, 8);
        assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 1, 7, 6), mask, null))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("key_mask");
        assertThat(layer.forward(Tensor.zeros(DType.F32, 2, 0, 6)).shape()).isEqualTo(Shape.of(2, 0, 6));
    }

    @Test
    void aPositionThatMayDifferOnQueriesAndKeysIsRefused() {
        QueryKeyPosition.Factory other = width -> Rope.base(100).create(width);
        assertThatThrownBy(() -> LshAttentionSpec.of(2).position(other))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("may differ on queries and keys");
    }

    @Test
    void thereIsNoFormThatGoesTokenByToken() {
        LshAttention layer = LshAttentionSpec.of(2).create(6, Seed.of(1));
        assertThat(layer.isRecurrent()).isFalse();
        assertThatThrownBy(() -> layer.start(1, 4, DType.F32))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("token by token");
    }
}
