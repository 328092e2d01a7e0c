package dev.heddle.attention.compressed;

import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.tensor.Seed;

import java.util.List;
import java.util.Map;

/// The layers of this package.
public final class CompressedCatalog implements CatalogProvider {
    private static final Map<String, String> LOCAL_NAMES =
            Map.of(
                    "q.weight",
                    "attention.wq.weight",
                    "k.weight",
                    "attention.wk.weight",
                    "v.weight",
                    "attention.wv.weight",
                    "o.weight",
                    "attention.wo.weight");
    private static final Map<String, String> INPUT_NAMES =
            Map.of("q.weight", "wq.weight", "k.weight", "wk.weight", "v.weight", "wv.weight", "o.weight", "wo.weight");

    @Override
    public List<Variant> variants() {
        return List.of(
                Variant.of("t-dmca", "attention")
                        .sparse()
                        .summary(
                                "T-DMCA's layers: attention within blocks, and over a memory compressed by convolution")
                        .source("arXiv 1801.10198; tensor2tensor common_attention.py; lucidrains")
                        .schema(schema())
                        .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                        .factory(CompressedCatalog::build)
                        .part(sizes -> MemoryCompression.ofInput(sizes.heads(), 3))
                        .example("{\"layer\": \"memory_compressed\", \"d_model\": 12, \"num_heads\": 3}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 10, \"num_heads\": 2, \"factor\": 4,"
                                        + " \"nonlinearity\": \"silu\", \"scale\": \"d_model\", \"conv_groups\": 5}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 8, \"num_heads\": 2, \"factor\": 2,"
                                        + " \"prepend_first\": false}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 6, \"num_heads\": 3, \"factor\": 5,"
                                        + " \"causal\": false}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 12, \"num_heads\": 2,"
                                        + " \"compress_on\": \"kv\"}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 12, \"num_heads\": 3, \"factor\": 4,"
                                        + " \"compress_on\": \"kv\", \"null_kv\": false, \"shared_kv_conv\": false,"
                                        + " \"conv_groups\": 2, \"scale\": \"head_dim\", \"nonlinearity\": \"silu\"}")
                        .example(
                                "{\"layer\": \"memory_compressed\", \"d_model\": 8, \"num_heads\": 4, \"factor\": 2,"
                                        + " \"compress_on\": \"kv\", \"causal\": false}")
                        .example("{\"layer\": \"local_block\", \"d_model\": 12, \"num_heads\": 3, \"block_length\": 5}")
                        .example(
                                "{\"layer\": \"local_block_and_previous\", \"d_model\": 8, \"num_heads\": 2,"
                                        + " \"block_length\": 4}")
                        .build());
    }

    private static Schema.Builder schema() {
        return Schema.builder()
                .required("layer", "local_block, local_block_and_previous or memory_compressed")
                .required("d_model", "model width")
                .required("num_heads", "heads")
                .optional("block_length", 256, "tokens in a block of a local layer")
                .optional("causal", true, "later tokens are not seen; a memory-compressed layer may see them")
                .optional("compress_on", "input", "input or kv: what a memory-compressed layer compresses")
                .optional("factor", 3, "tokens that become one column of memory")
                .optional("prepend_first", null, "the first token leads compressed inputs; true for input by default")
                .optional("null_kv", null, "a learned null leads compressed keys and values; true for kv by default")
                .optional("nonlinearity", "none", "none or silu, of the compressed columns")
                .optional("conv_groups", null, "of the convolution; 1 for input and num_heads for kv by default")
                .optional("shared_kv_conv", true, "keys and values go through one convolution")
                .optional("scale", null, "head_dim or d_model; head_dim for input and d_model for kv by default");
    }

    private static Subject build(Config config, Seed seed) {
        return switch (config.text("layer")) {
            case "local_block" -> local(config, 0, seed);
            case "local_block_and_previous" -> local(config, 1, seed);
            case "memory_compressed" -> compressed(config, seed);
            default ->
                    throw new ConfigException(
                            "layer: '"
                                    + config.text("layer")
                                    + "' is not known; use local_block, local_block_and_previous or memory_compressed");
        };
    }

    private static Subject local(Config config, int reach, Seed seed) {
        if (!config.flag("causal")) {
            throw new ConfigException(
                    "causal: false, but a local block looks back only; use true, or the layer memory_compressed");
        }
        int width = config.integer("d_model");
        LocalBlocks blocks = new LocalBlocks(config.integer("block_length"), reach);
        TdmcaLayer layer = new LocalBlockAttention(width, config.integer("num_heads"), blocks, 1, seed);
        return new LocalBlockSubject(layer, LOCAL_NAMES, 4L * width * width);
    }

    private static Subject compressed(Config config, Seed seed) {
        MemoryCompression spec = spec(config);
        long width = config.integer("d_model");
        TdmcaLayer layer = spec.create(config.integer("d_model"), seed);
        boolean onInput = spec.placement() == MemoryCompression.Placement.INPUT;
        long convolution = width * (width / spec.groups()) * spec.factor() + width;
        long ofKeysAndValues = (spec.shared() ? 1 : 2) * convolution + width + (spec.lead() ? 2 * width : 0);
        return new TdmcaSubject(
                layer, onInput ? INPUT_NAMES : Map.of(), 4 * width * width + (onInput ? convolution : ofKeysAndValues));
    }

    private static MemoryCompression spec(Config config) {
        int heads = config.integer("num_heads");
        int factor = config.integer("factor");
        MemoryCompression usual =
                switch (config.text("compress_on")) {
                    case "input" ->
                            MemoryCompression.ofInput(heads, factor).lead(lead(config, "prepend_first", "null_kv"));
                    case "kv" ->
                            MemoryCompression.ofKeysAndValues(heads, factor)
                                    .lead(lead(config, "null_kv", "prepend_first"));
                    default ->
                            throw new ConfigException(
                                    "compress_on: '" + config.text("compress_on") + "' is not known; use input or kv");
                };
        return usual.causal(config.flag("causal"))
                .nonlinearity(nonlinearity(config.text("nonlinearity")))
                .groups(config.integer("conv_groups", usual.groups()))
                .shared(config.flag("shared_kv_conv"))
                .scaledByModelWidth(scaledByModelWidth(config, usual.scaledByModelWidth()));
    }

    // What may lead is the first token for one placement and a learned null for the other.
    private static boolean lead(Config config, String own, String other) {
        if (config.flag(other, false)) {
            throw new ConfigException(
                    other
                            + ": true, which compress_on "
                            + config.text("compress_on")
                            + " has no place for; use "
                            + own);
        }
        return config.flag(own, true);
    }

    private static Activation nonlinearity(String name) {
        return switch (name) {
            case "none" -> Activation.IDENTITY;
            case "silu" -> Activation.SILU;
            default -> throw new ConfigException("nonlinearity: '" + name + "' is not known; use none or silu");
        };
    }

    private static boolean scaledByModelWidth(Config config, boolean usual) {
        if (!config.has("scale")) {
            return usual;
        }
        return switch (config.text("scale")) {
            case "d_model" -> true;
            case "head_dim" -> false;
            default ->
                    throw new ConfigException(
                            "scale: '" + config.text("scale") + "' is not known; use head_dim or d_model");
        };
    }
}
