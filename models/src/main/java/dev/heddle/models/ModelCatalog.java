package dev.heddle.models;

import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.tensor.Seed;

import java.util.List;

/// The catalogue lines of whole models and of norms and their places.
public final class ModelCatalog implements CatalogProvider {
    private static final String LAYER = "layer\\.(\\d+)\\.";

    @Override
    public List<Variant> variants() {
        return List.of(NormVariant.line(), gptDecoder(), llamaDecoder());
    }

    private static Variant gptDecoder() {
        return Variant.of(GptDecoder.ID, "model")
                .summary("GPT-2 layout: learned positions, multi-head attention, GELU, layer norm")
                .source("GPT-2; karpathy/nanoGPT model.py")
                .schema(GptDecoder.schema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(ModelCatalog::gptSubject)
                .example(
                        "{\"vocab_size\": 19, \"dim\": 12, \"heads\": 3, \"depth\": 2, \"max_seq_len\": 67, \"ffn_dim\": 20}")
                .example(
                        "{\"vocab_size\": 23, \"dim\": 10, \"heads\": 2, \"depth\": 3, \"max_seq_len\": 67, \"bias\": false, \"activation\": \"gelu\", \"tied\": false}")
                .build();
    }

    private static Subject gptSubject(Config config, Seed seed) {
        GptDecoder preset = GptDecoder.of(config);
        return new LanguageModelSubject(
                preset.build(seed),
                gptNames(),
                config.integer("ignore_index"),
                length -> new Cost(preset.parameters(), preset.multiplyAdds(length), preset.stateElements(length)),
                new TilePadding(preset.depth(), preset.heads(), preset.width() / preset.heads(), Patterns.causal()));
    }

    private static WeightNames gptNames() {
        return new WeightNames()
                .rename("wte", "embedding.weight")
                .rename("wpe", "position.position_embedding")
                .rename(LAYER + "ln_1\\.(.*)", "blocks.$1.mixer_branch.norm.$2")
                .rename(LAYER + "ln_2\\.(.*)", "blocks.$1.feed_forward_branch.norm.$2")
                .split(
                        LAYER + "attn\\.qkv\\.(.*)",
                        "blocks.$1.mixer.wq.$2",
                        "blocks.$1.mixer.wk.$2",
                        "blocks.$1.mixer.wv.$2")
                .rename(LAYER + "attn\\.out\\.(.*)", "blocks.$1.mixer.wo.$2")
                .rename(LAYER + "mlp\\.(fc[12])\\.(.*)", "blocks.$1.feed_forward.$2.$3")
                .rename("ln_f\\.(.*)", "norm.$1")
                .rename("lm_head", "head.weight");
    }

    private static Variant llamaDecoder() {
        return Variant.of(LlamaDecoder.ID, "model")
                .summary("Llama layout: rotary positions, grouped-query attention, SwiGLU, RMS norm")
                .source("arXiv 2302.13971, 2307.09288, 2305.13245; huggingface/transformers, karpathy/llama2.c")
                .schema(LlamaDecoder.schema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(ModelCatalog::llamaSubject)
                .example(
                        "{\"vocab_size\": 19, \"dim\": 24, \"heads\": 6, \"kv_heads\": 2, \"depth\": 2, \"ffn_dim\": 20, \"rope_theta\": 500000.0}")
                .example(
                        "{\"vocab_size\": 17, \"dim\": 16, \"heads\": 4, \"kv_heads\": 1, \"depth\": 3, \"ffn_dim\": 28, \"rope_layout\": \"interleaved\", \"tied\": true}")
                .example(
                        "{\"vocab_size\": 13, \"dim\": 12, \"heads\": 2, \"depth\": 1, \"ffn_dim\": 14, \"rms_eps\": 1e-6, \"bias\": true, \"activation\": \"gelu_tanh\"}")
                .build();
    }

    private static Subject llamaSubject(Config config, Seed seed) {
        LlamaDecoder preset = LlamaDecoder.of(config);
        return new LanguageModelSubject(
                preset.build(seed),
                llamaNames(),
                CrossEntropy.IGNORE,
                length -> new Cost(preset.parameters(), preset.multiplyAdds(length), preset.stateElements(length)),
                new TilePadding(preset.depth(), preset.heads(), preset.width() / preset.heads(), Patterns.causal()));
    }

    /// The weight names of the Llama golden files; a bias is called like its matrix with `.bias` behind.
    static WeightNames llamaNames() {
        return new WeightNames()
                .rename("embed", "embedding.weight")
                .rename(LAYER + "attn_norm", "blocks.$1.mixer_branch.norm.weight")
                .rename(LAYER + "ffn_norm", "blocks.$1.feed_forward_branch.norm.weight")
                .rename(LAYER + "attn\\.([qkv])", "blocks.$1.mixer.w$2.weight")
                .rename(LAYER + "attn\\.([qkv])\\.bias", "blocks.$1.mixer.w$2.bias")
                .rename(LAYER + "attn\\.out", "blocks.$1.mixer.wo.weight")
                .rename(LAYER + "attn\\.out\\.bias", "blocks.$1.mixer.wo.bias")
                .rename(LAYER + "ffn\\.(gate|up|down)", "blocks.$1.feed_forward.$2_proj.weight")
                .rename(LAYER + "ffn\\.(gate|up|down)\\.bias", "blocks.$1.feed_forward.$2_proj.bias")
                .rename("norm", "norm.weight")
                .rename("lm_head", "head.weight");
    }
}
