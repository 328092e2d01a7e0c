package dev.heddle.attention;

import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.positional.Rope;

import java.util.List;
import java.util.Map;

/// The token mixers of this module.
public final class AttentionCatalog implements CatalogProvider {
    private static final Map<String, String> NAMES =
            Map.of(
                    "wq",
                    "wq.weight",
                    "wk",
                    "wk.weight",
                    "wv",
                    "wv.weight",
                    "wo",
                    "wo.weight", //
                    "bq",
                    "wq.bias",
                    "bk",
                    "wk.bias",
                    "bv",
                    "wv.bias",
                    "bo",
                    "wo.bias");

    @Override
    public List<Variant> variants() {
        return List.of(multiHead(), multiQuery(), grouped(), flash());
    }

    private static Schema.Builder heads() {
        return Schema.builder()
                .required("d_model", "model width")
                .required("n_heads", "query heads")
                .optional("head_dim", null, "width of a head; d_model / n_heads by default")
                .optional("causal", true, "keys after a query are masked")
                .optional("bias", false, "projections have biases");
    }

    private static Schema.Builder sharing(Schema.Builder schema) {
        return RopeKeys.in(schema)
                .optional("convert_from", null, "mha: the weights have n_heads key/value heads, to be mean-pooled");
    }

    private static Variant multiHead() {
        return Variant.of("mha", "attention")
                .summary("Multi-head attention: every query head has a key/value head of its own")
                .source("arXiv 1706.03762; torch.nn.functional.multi_head_attention_forward")
                .schema(heads().optional("d_context", null, "width of the context of cross-attention; none by default"))
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory((config, seed) -> build(config, config.integer("n_heads"), seed))
                .part(sizes -> Attention.multiHead(sizes.heads()))
                .example("{\"d_model\": 12, \"n_heads\": 3}")
                .example("{\"d_model\": 10, \"n_heads\": 2, \"head_dim\": 7, \"bias\": true}")
                .example("{\"d_model\": 12, \"n_heads\": 2, \"causal\": false}")
                .example("{\"d_model\": 8, \"n_heads\": 2, \"causal\": false, \"bias\": true, \"d_context\": 5}")
                .example("{\"d_model\": 128, \"n_heads\": 4}")
                .build();
    }

    private static Variant multiQuery() {
        return Variant.of("mqa", "attention")
                .summary("Multi-query attention: all query heads share one key/value head")
                .source("arXiv 1911.02150; Hugging Face's grouped eager attention with one key/value head")
                .schema(sharing(heads().optional("n_kv_heads", 1, "key/value heads: 1")))
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(AttentionCatalog::buildMultiQuery)
                .part(sizes -> Attention.multiQuery(sizes.heads()))
                .example("{\"d_model\": 12, \"n_heads\": 3}")
                .example("{\"d_model\": 10, \"n_heads\": 2, \"head_dim\": 7, \"bias\": true}")
                .example("{\"d_model\": 12, \"n_heads\": 2, \"causal\": false}")
                .example("{\"d_model\": 12, \"n_heads\": 2, \"rope_theta\": 100.0}")
                .example("{\"d_model\": 12, \"n_heads\": 3, \"bias\": true, \"convert_from\": \"mha\"}")
                .build();
    }

    private static Subject buildMultiQuery(Config config, Seed seed) {
        if (config.integer("n_kv_heads") != 1) {
            throw new ConfigException(
                    "n_kv_heads: "
                            + config.integer("n_kv_heads")
                            + " in multi-query attention; use 1, or the variant gqa");
        }
        return build(config, 1, seed);
    }

    private static Variant grouped() {
        return Variant.of("gqa", "attention")
                .summary("Grouped-query attention: neighbouring query heads share a key/value head")
                .source("arXiv 2305.13245; huggingface/transformers modeling_llama.py")
                .schema(sharing(heads().required("n_kv_heads", "key/value heads, a divisor of n_heads")))
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory((config, seed) -> build(config, config.integer("n_kv_heads"), seed))
                .part(AttentionCatalog::groupedPart)
                .example("{\"d_model\": 12, \"n_heads\": 6, \"n_kv_heads\": 3}")
                .example("{\"d_model\": 10, \"n_heads\": 4, \"n_kv_heads\": 2, \"head_dim\": 5, \"bias\": true}")
                .example("{\"d_model\": 12, \"n_heads\": 4, \"n_kv_heads\": 2, \"causal\": false}")
                .example("{\"d_model\": 16, \"n_heads\": 4, \"n_kv_heads\": 2, \"rope_theta\": 10000.0}")
                .example(
                        "{\"d_model\": 8, \"n_heads\": 2, \"n_kv_heads\": 1, \"rope_theta\": 50.0,"
                                + " \"rope_style\": \"interleaved\"}")
                .example("{\"d_model\": 12, \"n_heads\": 6, \"n_kv_heads\": 2, \"convert_from\": \"mha\"}")
                .build();
    }

    // Groups of four heads as in Llama, or what comes nearest below and still leaves two groups.
    private static AttentionSpec groupedPart(StackSizes sizes) {
        int group = Math.clamp(sizes.heads() / 2, 1, 4);
        while (sizes.heads() % group != 0) {
            group--;
        }
        return Attention.grouped(sizes.heads(), sizes.heads() / group);
    }

    private static Subject build(Config config, int keyValueHeads, Seed seed) {
        int heads = config.integer("n_heads");
        boolean converts = config.has("convert_from");
        if (converts && !config.text("convert_from").equals("mha")) {
            throw new ConfigException("convert_from: '" + config.text("convert_from") + "' is not known; use mha");
        }
        AttentionSpec spec =
                Attention.grouped(heads, keyValueHeads)
                        .keyValueHeads(converts ? heads : keyValueHeads)
                        .bias(config.flag("bias"))
                        .pattern(config.flag("causal") ? Patterns.causal() : Patterns.full());
        if (config.has("head_dim")) {
            spec = spec.headWidth(config.integer("head_dim"));
        }
        if (config.has("d_context")) {
            spec = spec.contextWidth(config.integer("d_context"));
        }
        Rope.Spec rope = RopeKeys.of(config);
        if (rope != null) {
            spec = spec.position(rope);
        }
        Attention attention = spec.create(config.integer("d_model"), seed);
        return converts
                ? new ConversionSubject(attention, keyValueHeads, NAMES)
                : new AttentionSubject(attention, NAMES);
    }

    private static Variant flash() {
        return Variant.of("flash", "attention")
                .summary("The exact attention core in tiles: memory grows with the length, not with its square")
                .source("arXiv 2205.14135; arXiv 2307.08691; Dao-AILab/flash-attention")
                .schema(FlashSubject.schema())
                .factory((config, seed) -> new FlashSubject(config))
                .example("{\"n_heads\": 3, \"head_dim\": 5, \"causal\": true}")
                .example("{\"n_heads\": 4, \"n_kv_heads\": 2, \"head_dim\": 6, \"v_head_dim\": 9, \"scale\": 0.7}")
                .example(
                        "{\"n_heads\": 2, \"n_kv_heads\": 1, \"head_dim\": 4, \"causal\": true, \"window\": [5, 0],"
                                + " \"softcap\": 3.0}")
                .example("{\"n_heads\": 2, \"head_dim\": 16, \"window\": [-1, 2]}")
                .build();
    }
}
