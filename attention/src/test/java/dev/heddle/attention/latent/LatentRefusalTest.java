package dev.heddle.attention.latent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.Attention;
import dev.heddle.attention.MixerState;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
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

import java.util.List;
import java.util.Map;

class LatentRefusalTest {
    private static final Catalog CATALOG = Catalog.of(List.of(new LatentCatalog()));
    private static final String CONFIG =
            "{'d_model': 8, 'n_heads': 2, 'kv_lora_rank': 4, 'qk_nope_head_dim': 3, 'qk_rope_head_dim': 2,"
                    + " 'v_head_dim': 3}";
    private static final LatentSpec SPEC = LatentAttention.heads(2).latentRank(4);
    private static final int D = 8;
    private static final Tensor X = Tensors.random("x", 2, 5, D);

    private static Config config(String changes) {
        Config config = Config.parse(CONFIG.replace('\'', '"'));
        Config other = Config.parse("{" + changes.replace('\'', '"') + "}");
        for (String key : other.keys()) {
            config = config.with(key, other.get(key));
        }
        return config;
    }

    private static Subject build(String changes) {
        return CATALOG.variant("mla").build(config(changes), Seed.of(0));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'n_heads': 0|heads: 0 is less than 1; use 1 or more",
                "'d_model': 0|width: 0 is less than 1",
                "'qk_rope_head_dim': 5|rotary width: 5 is odd, but columns rotate in pairs; use 4 or 6",
                "'qk_rope_head_dim': 0|rotary width: 0 is less than 2",
                "'qk_nope_head_dim': 0|key width: 0 is less than 1",
                "'v_head_dim': -1|value width: -1 is less than 1",
                "'kv_lora_rank': 0|latent rank: 0 is less than 1; use 1 or more",
                "'q_lora_rank': -1|query rank: -1 is less than 0; use 0 or more",
                "'norm_eps': -1.0|eps",
                "'rope_theta': 1.0|base: 1.0",
                "'rope_style': 'neox'|rope_style: 'neox' is not known; use interleaved or half",
                "'prefill': -1|prefill: -1 tokens; use 0 or more",
                "'yarn': {'max_seq_len': 8}|'original_seq_len' is missing",
                "'yarn': {'max_seq_len': 0, 'original_seq_len': 4, 'rope_factor': 2}|max_seq_len: 0 is less than 1",
                "'yarn': {'max_seq_len': 8, 'original_seq_len': 0, 'rope_factor': 2}|original_seq_len: 0",
                "'yarn': {'max_seq_len': 8, 'original_seq_len': 4, 'rope_factor': 0.5}|rope_factor: 0.5 is not 1 or",
                "'yarn': {'max_seq_len': 4, 'original_seq_len': 4, 'rope_factor': 0.5}|rope_factor: 0.5",
                "'yarn': {'max_seq_len': 8, 'original_seq_len': 4, 'rope_factor': 2, 'beta_fast': 0}|beta_fast 0.0",
                "'yarn': {'max_seq_len': 8, 'original_seq_len': 4, 'rope_factor': 2, 'beta': 1}|'beta' is not known",
            })
    void configurationsThatCannotWorkSayWhy(String changes, String message) {
        assertThatThrownBy(() -> build(changes)).isInstanceOf(HeddleException.class).hasMessageContaining(message);
    }

    @Test
    void anInfiniteMscaleIsRefused() {
        assertThatThrownBy(() -> new LongContext(8, 4, 2, 32, 1, Double.POSITIVE_INFINITY))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("mscale: Infinity");
        assertThatThrownBy(() -> LongContext.of(8, 4, Double.NaN)).isInstanceOf(ConfigException.class);
    }

    @Test
    void inputsOfAnotherShapeOrTypeAreRefused() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        assertThatThrownBy(() -> layer.forward(Tensors.random("x", 2, 5, 7)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("input: found F64[2, 5, 7]; floating [B, tokens, 8] is needed");
        MixerState start = layer.start(2, 1, DType.F64);
        assertThatThrownBy(() -> layer.advance(Tensors.random("x", 5, D), start)).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> layer.forward(X.cast(DType.F32))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> layer.advance(X, layer.start(2, 1, DType.F32))).isInstanceOf(ShapeException.class);
    }

    @Test
    void aCacheOfAnotherLayerRankOrBatchIsRefused() {
        LatentAttention layer = Tensors.layer(SPEC, D);
        List<MixerState> foreign =
                List.of(
                        Tensors.layer(SPEC, D).start(2, 1, DType.F64),
                        Tensors.layer(SPEC.latentRank(5), D).start(2, 1, DType.F64),
                        Attention.multiHead(2).create(D, Seed.of(0)).start(2, 1, DType.F64));
        for (MixerState state : foreign) {
            assertThatThrownBy(() -> layer.advance(X, state))
                    .isInstanceOf(InputException.class)
                    .hasMessage("cache: it was started by another layer; use one from this layer's start");
        }
        assertThatThrownBy(() -> layer.advance(X, layer.start(3, 1, DType.F64)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("it holds 3 sequences");
    }

    @Test
    void positionsBeyondTheLongestSequenceAreRefused() {
        LatentAttention layer = Tensors.layer(SPEC.longContext(LongContext.of(7, 4, 2)), D);
        assertThatThrownBy(() -> layer.forward(Tensors.random("x", 1, 8, D)))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "position: 8 tokens after 0 go beyond the longest sequence; use 7 in all, or a longer"
                                + " max_seq_len");
        MixerState five = layer.advance(X, layer.start(2, 8, DType.F64)).state();
        MixerState seven = layer.advance(Tensors.random("x", 2, 2, D), five).state();
        assertThat(seven.length()).isEqualTo(7);
        assertThatThrownBy(() -> layer.advance(Tensors.random("x", 2, 1, D), seven))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("1 tokens after 7");
        assertThat(build("'yarn': {'max_seq_len': 7, 'original_seq_len': 9, 'rope_factor': 2}").longest()).isEqualTo(7);
    }

    @Test
    void attentionThatLooksAheadHasNoCache() {
        LatentAttention full = Tensors.layer(SPEC.pattern(Patterns.full()), D);
        assertThatThrownBy(() -> full.start(1, 1, DType.F64))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("sees later tokens");
        LatentAttention causal = Tensors.layer(SPEC, D);
        assertThatThrownBy(() -> causal.start(0, 1, DType.F64)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> causal.start(1, 0, DType.F64)).isInstanceOf(InputException.class);
    }

    @Test
    void chunksOfNothingAreRefused() {
        Map<String, Tensor> inputs = Map.of("x", X.cast(DType.F32));
        assertThatThrownBy(() -> build("").run(inputs, Form.chunkwise(0)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("chunk: 0 tokens");
    }
}
