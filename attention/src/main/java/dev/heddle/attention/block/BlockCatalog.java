package dev.heddle.attention.block;

import dev.heddle.attention.Attention;
import dev.heddle.attention.AttentionSpec;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.tensor.Seed;

import java.util.List;

/// The variants made of blocks.
public final class BlockCatalog implements CatalogProvider {
    @Override
    public List<Variant> variants() {
        return List.of(blockSparse(), bigBird(), sparseTransformer());
    }

    private static Variant blockSparse() {
        return Variant.of("block-sparse", "attention")
                .sparse()
                .summary("Block-sparse attention: any layout of blocks, and DeepSpeed's rules to make one")
                .source("microsoft/DeepSpeed, deepspeed/ops/sparse_attention")
                .schema(blockSparseSchema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(BlockCatalog::buildBlockSparse)
                .part(BlockCatalog::blockSparsePart)
                .example(
                        "{\"num_heads\": 3, \"head_dim\": 5, \"block\": 3, \"attention\": \"unidirectional\","
                                + " \"causal\": true, \"num_local_blocks\": 4, \"different_layout_per_head\": true,"
                                + " \"num_different_global_patterns\": 2, \"num_global_blocks\": 2}")
                .example(
                        "{\"layout\": \"fixed\", \"num_heads\": 2, \"head_dim\": 3, \"block\": 2,"
                                + " \"horizontal_global_attention\": true}")
                .example(
                        "{\"layout\": \"variable\", \"num_heads\": 2, \"head_dim\": 4, \"block\": 3, \"rpe\": true,"
                                + " \"local_window_blocks\": [1, 2], \"global_block_indices\": [0, 5],"
                                + " \"global_block_end_indices\": [1, 7], \"num_random_blocks\": 2, \"seed\": 7}")
                .example(
                        "{\"layout\": \"bigbird\", \"num_heads\": 2, \"head_dim\": 3, \"block\": 4,"
                                + " \"different_layout_per_head\": true, \"num_random_blocks\": 2,"
                                + " \"num_sliding_window_blocks\": 2}")
                .example(
                        "{\"layout\": \"bigbird\", \"num_heads\": 2, \"head_dim\": 3, \"block\": 2, \"causal\": true,"
                                + " \"attention\": \"unidirectional\"}")
                .example(
                        "{\"layout\": \"bslongformer\", \"num_heads\": 1, \"head_dim\": 7, \"block\": 5,"
                                + " \"global_block_indices\": [1]}")
                .example(
                        "{\"layout\": \"sliding\", \"num_heads\": 2, \"head_dim\": 6, \"block\": 3, \"causal\": true,"
                                + " \"num_sliding_window_blocks\": 5}")
                .example("{\"layout\": \"dense\", \"num_heads\": 2, \"head_dim\": 3, \"block\": 1, \"strict\": true}")
                .example("{\"layout\": \"user\", \"num_heads\": 3, \"head_dim\": 4, \"block\": 5}")
                .build();
    }

    private static Schema.Builder blockSparseSchema() {
        return BlockSparseConfig.schema()
                .optional("head_dim", null, "width of a head")
                .optional("causal", false, "tokens see no later ones inside their blocks either")
                .optional("rpe", false, "the input rpe [heads, tokens, tokens] is added to the scores")
                .optional("seed", null, "of random columns; that of the subject by default")
                .optional("strict", false, "refuse sequences that are no whole number of blocks, or too short")
                .optional("layouts", null, "named layouts to be made, without attention");
    }

    private static Subject buildBlockSparse(Config config, Seed seed) {
        return config.has("layouts")
                ? new LayoutsSubject(config.object("layouts"), seed)
                : new PatternCoreSubject(
                        config.integer("num_heads"), config.integer("head_dim"), new BlockSparse(config, seed));
    }

    // DeepSpeed's fixed layout, unidirectional and causal inside blocks, four blocks to a window: as a pattern it goes
    // on for ever, so that no length has to be known beforehand.
    private static AttentionSpec blockSparsePart(StackSizes sizes) {
        int block = Math.clamp(sizes.context() / 16, 1, 16);
        return Attention.multiHead(sizes.heads()).pattern(Patterns.fixed(4 * block, block, 4));
    }

    private static Variant bigBird() {
        return Variant.of("bigbird", "attention")
                .sparse()
                .summary("BigBird: a window of blocks, random blocks and global blocks or tokens")
                .source("arXiv 2007.14062; google-research/bigbird, bigbird/core/attention.py")
                .schema(BigBird.schema())
                .factory(
                        (config, seed) ->
                                new PatternCoreSubject(
                                        config.integer("num_heads"),
                                        config.integer("head_dim"),
                                        new BigBird(config, seed)))
                .example("{\"num_heads\": 2, \"head_dim\": 5, \"block_size\": 3, \"num_rand_blocks\": 1}")
                .example(
                        "{\"num_heads\": 3, \"head_dim\": 4, \"block_size\": 2, \"num_rand_blocks\": 2, \"window_blocks\": 5,"
                                + " \"global_blocks\": [0, 2, -1], \"seed\": 3, \"attention_type\": \"simulated_sparse\"}")
                .example(
                        "{\"num_heads\": 2, \"head_dim\": 3, \"block_size\": 4, \"num_rand_blocks\": 1, \"kind\": \"etc\","
                                + " \"global_tokens\": 3, \"attention_type\": \"masked\"}")
                .example(
                        "{\"num_heads\": 1, \"head_dim\": 6, \"block_size\": 1, \"num_rand_blocks\": 0, \"strict\": true}")
                .build();
    }

    private static Variant sparseTransformer() {
        return Variant.of("sparse-transformer", "attention")
                .sparse()
                .summary("Sparse Transformer: strided and fixed factorised patterns, about N·sqrt(N) pairs")
                .source("arXiv 1904.10509; openai/sparse_attention, attention.py")
                .schema(SparseTransformer.schema())
                .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                .factory(
                        (config, _) ->
                                new PatternCoreSubject(
                                        config.integer("num_heads"),
                                        config.integer("head_dim"),
                                        new SparseTransformer(config)))
                .part(
                        sizes ->
                                Attention.multiHead(sizes.heads())
                                        .pattern(Patterns.strided(Math.max(1, (int) Math.sqrt(sizes.context())))))
                .example("{\"num_heads\": 3, \"head_dim\": 5, \"stride\": 5}")
                .example("{\"num_heads\": 2, \"head_dim\": 3, \"stride\": 4, \"combine\": \"per_head\"}")
                .example(
                        "{\"num_heads\": 2, \"head_dim\": 4, \"stride\": 3, \"combine\": \"interleaved\", \"layer\": 1}")
                .example("{\"num_heads\": 2, \"head_dim\": 3, \"pattern\": \"fixed\", \"stride\": 6, \"c\": 2}")
                .example(
                        "{\"num_heads\": 6, \"head_dim\": 3, \"pattern\": \"fixed\", \"stride\": 12, \"block_size\": 2,"
                                + " \"vertsize\": 2, \"num_verts\": 3}")
                .example(
                        "{\"num_heads\": 4, \"head_dim\": 3, \"pattern\": \"fixed\", \"stride\": 8, \"num_verts\": 2,"
                                + " \"combine\": \"per_head\", \"strict\": true}")
                .build();
    }
}
