package dev.heddle.attention.block;

import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// Layouts without attention: for every named configuration the output `layout.<name>` `[H, nb, nb]`, with the random
/// columns of the input `rand_blocks.<name>` if there is one.
final class LayoutsSubject implements Subject {
    private static final Schema SCHEMA = BlockSparseConfig.schema().build();

    private static final int MOST_PAIRS = 1 << 24;

    private final Map<String, Named> layouts = new LinkedHashMap<>();
    private final Seed seed;

    /// One layout to be made.
    private record Named(BlockRule rule, int block, int blocks, int heads, int distinct) {
        static Named of(String name, Config config) {
            Config complete = SCHEMA.complete("layout " + name, config);
            BlockRule rule = BlockSparseConfig.rule(complete);
            int heads = complete.integer("num_heads");
            if (rule == null || heads < 1) {
                throw new ConfigException(
                        "layout " + name + ": " + complete + " makes none; use a layout by rule and 1 head or more");
            }
            boolean each = complete.flag("different_layout_per_head");
            int blocks = BlockSparseConfig.blocks(complete);
            if ((double) blocks * blocks * heads > MOST_PAIRS) {
                throw new ConfigException(
                        "layout "
                                + name
                                + ": "
                                + heads
                                + " heads of "
                                + blocks
                                + " by "
                                + blocks
                                + " blocks are more than can be written out; use at most "
                                + MOST_PAIRS
                                + " pairs of blocks");
            }
            return new Named(rule, complete.integer("block"), blocks, heads, each ? heads : 1);
        }

        Tensor make(@Nullable Tensor given, Seed seed) {
            RandomBlocks random =
                    given == null ? rule.draw(distinct, blocks, seed) : RandomBlocks.given(given, rule.randomBlocks());
            BlockLayout layout = rule.layout(block, blocks, distinct, random);
            return layout.toTensor(heads);
        }
    }

    LayoutsSubject(Config layouts, Seed seed) {
        this.seed = seed;
        for (String name : layouts.keys()) {
            this.layouts.put(name, Named.of(name, layouts.object(name)));
        }
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        LazyOutputs outputs = new LazyOutputs();
        layouts.forEach(
                (name, layout) ->
                        outputs.with(
                                "layout." + name,
                                () -> layout.make(inputs.get("rand_blocks." + name), seed.split(name))));
        return outputs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed inputSeed) {
        return Map.of();
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, 0, 0);
    }
}
