package dev.heddle.attention.latent;

import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;
import dev.heddle.positional.RopeStyle;

import java.util.List;

/// Latent attention.
public final class LatentCatalog implements CatalogProvider {
    private static final Schema YARN =
            Schema.builder()
                    .required("max_seq_len", "the longest sequence in tokens")
                    .required("original_seq_len", "the length trained on; YaRN acts if max_seq_len is longer")
                    .required("rope_factor", "new length over old length, 1 or more")
                    .optional("beta_fast", 32.0, "pairs of more turns keep their frequency")
                    .optional("beta_slow", 1.0, "pairs of fewer turns are interpolated")
                    .optional("mscale", 1.0, "scores grow by (0.1 mscale ln(rope_factor) + 1) squared")
                    .build();

    @Override
    public List<Variant> variants() {
        return List.of(latent());
    }

    private static Variant latent() {
        return Variant.of("mla", "attention")
                .summary("Multi-head latent attention: all heads' keys and values come from one small cached vector")
                .source("arXiv 2405.04434; arXiv 2412.19437; deepseek-ai/DeepSeek-V3 inference/model.py, MLA")
                .schema(schema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(LatentCatalog::build)
                .part(sizes -> LatentAttention.heads(sizes.heads()))
                .example(
                        "{\"d_model\": 11, \"n_heads\": 3, \"q_lora_rank\": 7, \"kv_lora_rank\": 6,"
                                + " \"qk_nope_head_dim\": 5, \"qk_rope_head_dim\": 4, \"v_head_dim\": 2}")
                .example(
                        "{\"d_model\": 10, \"n_heads\": 2, \"kv_lora_rank\": 3, \"qk_nope_head_dim\": 7,"
                                + " \"qk_rope_head_dim\": 2, \"v_head_dim\": 5, \"rope_style\": \"half\","
                                + " \"rope_theta\": 50.0, \"norm_eps\": 1e-3, \"prefill\": 4}")
                .example(
                        "{\"d_model\": 9, \"n_heads\": 2, \"kv_lora_rank\": 13, \"qk_nope_head_dim\": 3,"
                                + " \"qk_rope_head_dim\": 6, \"v_head_dim\": 4, \"causal\": false}")
                .example(
                        "{\"d_model\": 12, \"n_heads\": 5, \"q_lora_rank\": 4, \"kv_lora_rank\": 8,"
                                + " \"qk_nope_head_dim\": 3, \"qk_rope_head_dim\": 8, \"v_head_dim\": 3, \"yarn\":"
                                + " {\"max_seq_len\": 71, \"original_seq_len\": 13, \"rope_factor\": 5.5,"
                                + " \"beta_fast\": 2, \"beta_slow\": 0.1, \"mscale\": 0.7}}")
                .build();
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("n_heads", "heads")
                .optional("q_lora_rank", 0, "rank of the compressed queries; 0: queries are not compressed")
                .required("kv_lora_rank", "rank of the cached latents")
                .required("qk_nope_head_dim", "columns of a head's queries and keys without position")
                .required("qk_rope_head_dim", "columns that rotate: of each head's queries and of the shared key")
                .required("v_head_dim", "width of a head's values")
                .optional("norm_eps", 1e-6, "what the norms of the latents add under the root")
                .optional("rope_theta", 10_000.0, "base of the rotary embedding")
                .optional("rope_style", "interleaved", "which columns rotate together: interleaved or half")
                .optional("causal", true, "keys after a query are masked")
                .optional("yarn", null, "object with max_seq_len, original_seq_len, rope_factor …; none by default")
                .optional("prefill", null, "recurrent form: tokens that are read at once before the single ones");
    }

    private static Subject build(Config config, Seed seed) {
        LatentSpec spec =
                LatentAttention.heads(config.integer("n_heads"))
                        .queryRank(config.integer("q_lora_rank"))
                        .latentRank(config.integer("kv_lora_rank"))
                        .keyWidth(config.integer("qk_nope_head_dim"))
                        .rotaryWidth(config.integer("qk_rope_head_dim"))
                        .valueWidth(config.integer("v_head_dim"))
                        .normEpsilon(config.number("norm_eps"))
                        .rotary(
                                Rope.base(config.number("rope_theta"))
                                        .style(RopeStyle.of("rope_style", config.text("rope_style"))))
                        .pattern(config.flag("causal") ? Patterns.causal() : Patterns.full());
        if (config.has("yarn")) {
            spec = spec.longContext(longContext(YARN.complete("yarn", config.object("yarn"))));
        }
        return new LatentSubject(spec.create(config.integer("d_model"), seed), config.integer("prefill", 0));
    }

    private static LongContext longContext(Config yarn) {
        return new LongContext(
                yarn.integer("max_seq_len"),
                yarn.integer("original_seq_len"),
                yarn.number("rope_factor"),
                yarn.number("beta_fast"),
                yarn.number("beta_slow"),
                yarn.number("mscale"));
    }
}
