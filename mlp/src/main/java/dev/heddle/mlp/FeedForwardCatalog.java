package dev.heddle.mlp;

import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.tensor.Seed;

import java.util.List;

/// The feed-forward layers of this module.
public final class FeedForwardCatalog implements CatalogProvider {
    private static final double NORM_EPS = 1e-5;

    @Override
    public List<Variant> variants() {
        return List.of(mlp(), glu());
    }

    private static Variant mlp() {
        return Variant.of("mlp", "feed-forward")
                .summary("Two linear layers with a non-linearity between")
                .source("arXiv 1706.03762 section 3.3; GELU, arXiv 1606.08415; squared ReLU, arXiv 2109.08668")
                .schema(
                        Schema.builder()
                                .optional("dim", null, "model width D; needed unless activations are given")
                                .optional("hidden_dim", null, "width between the layers, 4 times dim by default")
                                .optional(
                                        "activation",
                                        "gelu",
                                        "relu, gelu, gelu_tanh, relu2, silu, quick_gelu, sigmoid or identity")
                                .optional("bias", true, "both layers have biases")
                                .optional("inner_norm", null, "norm before the last layer (Sub-LN): layer or rms")
                                .optional("activations", null, "list: these activations and derivatives by themselves"))
                .factory(FeedForwardCatalog::buildMlp)
                .part(sizes -> Mlp.hidden(Math.multiplyExact(4, sizes.width())))
                .example("{\"dim\": 6}")
                .example("{\"dim\": 5, \"hidden_dim\": 7, \"activation\": \"gelu_tanh\"}")
                .example("{\"dim\": 5, \"hidden_dim\": 11, \"activation\": \"relu\"}")
                .example("{\"dim\": 4, \"hidden_dim\": 9, \"activation\": \"relu2\", \"bias\": false}")
                .example("{\"dim\": 4, \"hidden_dim\": 8, \"activation\": \"silu\", \"inner_norm\": \"layer\"}")
                .example("{\"dim\": 3, \"hidden_dim\": 8, \"activation\": \"quick_gelu\", \"inner_norm\": \"rms\"}")
                .example("{\"dim\": 3, \"hidden_dim\": 5, \"activation\": \"sigmoid\"}")
                .example("{\"dim\": 3, \"hidden_dim\": 2, \"activation\": \"identity\"}")
                .build();
    }

    private static Subject buildMlp(Config config, Seed seed) {
        if (config.has("activations")) {
            return new ActivationCurvesSubject(config.list("activations"));
        }
        int width = width(config);
        Mlp.Spec spec =
                Mlp.hidden(config.integer("hidden_dim", Math.multiplyExact(4, width)))
                        .activation(Activation.of(config.text("activation")))
                        .bias(config.flag("bias"));
        if (config.has("inner_norm")) {
            spec = spec.innerNorm(norm(config.text("inner_norm")));
        }
        return new FeedForwardSubject(spec.create(width, 1, seed), width);
    }

    private static Variant glu() {
        return Variant.of("glu", "feed-forward")
                .summary("Gated linear unit: one projection, through an activation, gates another")
                .source("arXiv 2002.05202; Llama")
                .schema(
                        Schema.builder()
                                .required("dim", "model width D")
                                .optional("hidden_dim", null, "width of gate and up, 8/3 of dim rounded up by default")
                                .optional("kind", "swiglu", "glu, geglu, geglu_tanh, swiglu, reglu or bilinear")
                                .optional("bias", false, "the projections have biases")
                                .optional("inner_norm", null, "norm before the last layer (Sub-LN): layer or rms"))
                .factory(FeedForwardCatalog::buildGlu)
                .part(sizes -> Glu.swiglu(asManyParametersAsMlp(sizes.width())))
                .example("{\"dim\": 6}")
                .example("{\"dim\": 5, \"hidden_dim\": 7, \"kind\": \"glu\"}")
                .example("{\"dim\": 4, \"hidden_dim\": 10, \"kind\": \"geglu\", \"bias\": true}")
                .example("{\"dim\": 4, \"hidden_dim\": 9, \"kind\": \"geglu_tanh\", \"inner_norm\": \"rms\"}")
                .example("{\"dim\": 3, \"hidden_dim\": 13, \"kind\": \"reglu\", \"inner_norm\": \"layer\"}")
                .example("{\"dim\": 3, \"hidden_dim\": 2, \"kind\": \"bilinear\"}")
                .build();
    }

    private static Subject buildGlu(Config config, Seed seed) {
        int width = width(config);
        Glu.Spec spec =
                Glu.of(Glu.Kind.of(config.text("kind")), config.integer("hidden_dim", asManyParametersAsMlp(width)))
                        .bias(config.flag("bias"));
        if (config.has("inner_norm")) {
            spec = spec.innerNorm(norm(config.text("inner_norm")));
        }
        return new FeedForwardSubject(spec.create(width, 1, seed), width);
    }

    // Three matrices of 8/3 of the width hold as much as two of 4 times the width.
    private static int asManyParametersAsMlp(int width) {
        return Math.ceilDiv(Math.multiplyExact(8, width), 3);
    }

    private static int width(Config config) {
        int width = config.integer("dim");
        if (width < 1) {
            throw new ConfigException("dim: " + width + " is less than 1; use 1 or more");
        }
        return width;
    }

    private static Norm.Factory norm(String kind) {
        return switch (kind) {
            case "layer" -> width -> new LayerNorm(width, NORM_EPS, true, true);
            case "rms" -> width -> RmsNorm.of(width, NORM_EPS);
            default -> throw new ConfigException("inner_norm: '" + kind + "' is not known; use layer or rms");
        };
    }
}
