package dev.heddle.models;

import dev.heddle.attention.Attention;
import dev.heddle.attention.AttentionSpec;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.Mlp;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// The catalogue line `norms`: the norms themselves, and with `placement` blocks of plain attention and MLP with the norms
/// in their places.
final class NormVariant {
    private NormVariant() {}

    static Variant line() {
        return Variant.of("norms", "norm")
                .summary("Layer norm and RMS norm, and where they sit: pre, post, DeepNorm, sandwich, sub-LN")
                .source("arXiv 1607.06450, 1910.07467, 2002.04745, 2105.13290, 2203.00555, 2210.06423; torchscale")
                .schema(
                        Schema.builder()
                                .required("dim", "width")
                                .optional("kind", null, "layer, rms or rms_gemma: the norm alone")
                                .optional(
                                        "placement", null, "pre, post, deepnorm, sandwich or subln: blocks with norms")
                                .optional("eps", 1e-5, "added to the variance or mean square")
                                .optional("affine", true, "a weight for each column")
                                .optional(
                                        "bias",
                                        null,
                                        "of a layer norm alone, true by default; blocks have no linear biases")
                                .optional("norm", "layer", "kind of the blocks' norms: layer, rms or rms_gemma")
                                .optional("heads", 1, "of the blocks")
                                .optional("hidden_dim", null, "of the blocks; 4·dim if absent")
                                .optional("layers", 1, "number of blocks")
                                .optional(
                                        "alpha",
                                        null,
                                        "weight of the residual, for deepnorm only; (2·layers)^(1/4) by default")
                                .optional("activation", "gelu", "of the blocks")
                                .optional("causal", true, "of the blocks"))
                .factory(NormVariant::build)
                .example("{\"dim\": 7, \"kind\": \"layer\", \"bias\": true}")
                .example("{\"dim\": 6, \"kind\": \"layer\", \"affine\": false}")
                .example("{\"dim\": 5, \"kind\": \"rms\", \"eps\": 1e-6}")
                .example("{\"dim\": 9, \"kind\": \"rms_gemma\", \"eps\": 1e-6}")
                .example("{\"dim\": 8, \"heads\": 2, \"hidden_dim\": 12, \"layers\": 2, \"placement\": \"pre\"}")
                .example(
                        "{\"dim\": 8, \"heads\": 2, \"hidden_dim\": 12, \"layers\": 2, \"placement\": \"post\", \"causal\": false}")
                .example(
                        "{\"dim\": 8, \"heads\": 2, \"hidden_dim\": 12, \"layers\": 2, \"placement\": \"deepnorm\", \"alpha\": 1.4}")
                .example(
                        "{\"dim\": 8, \"heads\": 2, \"hidden_dim\": 12, \"layers\": 2, \"placement\": \"sandwich\", \"norm\": \"rms\"}")
                .example("{\"dim\": 8, \"heads\": 2, \"hidden_dim\": 12, \"layers\": 2, \"placement\": \"subln\"}")
                .build();
    }

    private static Subject build(Config config, Seed seed) {
        if (config.has("kind") == config.has("placement")) {
            throw new ConfigException(
                    "norms: "
                            + (config.has("kind")
                                    ? "both 'kind' and 'placement' are"
                                    : "neither 'kind' nor 'placement' is")
                            + " given; 'kind' asks for a norm alone, 'placement' for blocks");
        }
        return config.has("kind") ? alone(config) : blocks(config, seed);
    }

    private static Subject alone(Config config) {
        int width = config.integer("dim");
        Norm norm = factory(config.text("kind"), config, config.flag("bias", true)).create(width);
        long parameters = norm.parameterCount();
        return new NormSubject(
                norm, width, new WeightNames(), norm::forward, length -> new Cost(parameters, 0, 0), null);
    }

    private static Norm.Factory factory(String kind, Config config, boolean bias) {
        double eps = config.number("eps");
        boolean affine = config.flag("affine");
        return switch (kind) {
            case "layer" -> width -> new LayerNorm(width, eps, affine, bias);
            case "rms" -> width -> affine ? RmsNorm.of(width, eps) : RmsNorm.plain(width, eps);
            case "rms_gemma" -> width -> affine ? RmsNorm.gemma(width, eps) : RmsNorm.plain(width, eps);
            default -> throw new ConfigException("norm: '" + kind + "' is not known; use layer, rms or rms_gemma");
        };
    }

    private static Subject blocks(Config config, Seed seed) {
        int width = config.integer("dim");
        int hidden = config.integer("hidden_dim", 4 * width);
        int layers = config.integer("layers");
        boolean causal = config.flag("causal");
        if (layers < 1) {
            throw new ConfigException("layers: " + layers + " is less than 1; use 1 or more");
        }
        // A layer norm of a block has its bias although the linear layers have none.
        Norm.Factory norm = factory(config.text("norm"), config, true);
        Placement placement =
                Placement.of(config.text("placement"), config.number("alpha", Placement.deepNormAlpha(layers)));
        boolean inner = placement instanceof Placement.SubLn;
        AttentionSpec attention =
                Attention.multiHead(config.integer("heads")).pattern(causal ? Patterns.causal() : Patterns.full());
        Mlp.Spec mlp = Mlp.hidden(hidden).bias(false).activation(Activation.of(config.text("activation")));
        var stack =
                new Blocks(
                        placement,
                        new Block.Choices(
                                width,
                                layers,
                                inner ? attention.innerNorm(norm) : attention,
                                inner ? mlp.innerNorm(norm) : mlp,
                                norm,
                                0),
                        seed);
        long parameters = parameters(config, placement, width, hidden, layers);
        return new NormSubject(
                stack,
                width,
                names(),
                stack::forward,
                length ->
                        new Cost(
                                parameters,
                                layers
                                        * (length * (4L * width * width + 2L * width * hidden)
                                                + (causal ? length * (length + 1L) : 2L * length * length) * width),
                                0),
                new TilePadding(layers, attention.heads(), width / attention.heads(), attention.pattern()));
    }

    private static long parameters(Config config, Placement placement, int width, int hidden, int layers) {
        long columns = config.flag("affine") ? (config.text("norm").equals("layer") ? 2 : 1) : 0;
        long norms = 2L * width;
        if (placement instanceof Placement.Sandwich) {
            norms += 2L * width;
        } else if (placement instanceof Placement.SubLn) {
            norms += (long) width + hidden;
        }
        long linear = 4L * width * width + 2L * width * hidden;
        return layers * (linear + norms * columns) + (placement.needsFinalNorm() ? width * columns : 0);
    }

    private static WeightNames names() {
        String layer = "layers\\.(\\d+)\\.";
        return new WeightNames()
                .rename(layer + "([qkv])_proj\\.(.*)", "blocks.$1.mixer.w$2.$3")
                .rename(layer + "out_proj\\.(.*)", "blocks.$1.mixer.wo.$2")
                .rename(layer + "(fc[12])\\.(.*)", "blocks.$1.feed_forward.$2.$3")
                .rename(layer + "norm1\\.(.*)", "blocks.$1.mixer_branch.norm.$2")
                .rename(layer + "norm2\\.(.*)", "blocks.$1.feed_forward_branch.norm.$2")
                .rename(layer + "norm1_post\\.(.*)", "blocks.$1.mixer_branch.output_norm.$2")
                .rename(layer + "norm2_post\\.(.*)", "blocks.$1.feed_forward_branch.output_norm.$2")
                .rename(layer + "inner_attn_norm\\.(.*)", "blocks.$1.mixer.inner_attn_norm.$2")
                .rename(layer + "ffn_norm\\.(.*)", "blocks.$1.feed_forward.ffn_norm.$2");
    }

    /// Blocks without a token embedding.
    private static final class Blocks extends Module {
        private final List<Block> blocks = new ArrayList<>();
        private final @Nullable Norm finalNorm;

        Blocks(Placement placement, Block.Choices choices, Seed seed) {
            for (int i = 0; i < choices.depth(); i++) {
                blocks.add(child("blocks." + i, placement.create(choices, seed.split(i))));
            }
            finalNorm = placement.needsFinalNorm() ? child("final_norm", choices.norm().create(choices.width())) : null;
        }

        Tensor forward(Tensor x) {
            Tensor y = x;
            for (Block block : blocks) {
                y = block.forward(y);
            }
            return finalNorm == null ? y : finalNorm.forward(y);
        }
    }
}
