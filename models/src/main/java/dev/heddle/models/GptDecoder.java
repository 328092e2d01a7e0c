package dev.heddle.models;

import dev.heddle.attention.Attention;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.tensor.Seed;
import dev.heddle.mlp.Mlp;
import dev.heddle.positional.Learned;

/// The GPT-2 layout: learned positions, multi-head attention, a GELU layer of four times the width, layer norm before
/// each sublayer, tied embedding.
///
/// Source: GPT-2; karpathy/nanoGPT `model.py`.
///
/// @param vocabulary number of tokens V
/// @param width model width D
/// @param heads attention heads, a divisor of the width
/// @param depth blocks L
/// @param context rows of the position table: the longest sequence
/// @param hidden width of the feed-forward layer
/// @param bias true if linear layers and norms have biases
/// @param activation [Activation#GELU_TANH] in GPT-2's own weights, [Activation#GELU] in nanoGPT
/// @param eps of the norms
/// @param tied true if the output matrix is the token table
/// @param dropout probability on embedding, attention weights and residual branches, in training only
public record GptDecoder(
        int vocabulary,
        int width,
        int heads,
        int depth,
        int context,
        int hidden,
        boolean bias,
        Activation activation,
        double eps,
        boolean tied,
        double dropout) {
    /// The id of its catalogue line and of its recipes.
    public static final String ID = "gpt-decoder";

    private static final double EPS = 1e-5;

    /// The published model of 124,439,808 parameters.
    public static GptDecoder gpt2() {
        return gpt2(768, 12, 12);
    }

    /// The published model of 350 million parameters.
    public static GptDecoder gpt2Medium() {
        return gpt2(1024, 16, 24);
    }

    /// The published model of 774 million parameters.
    public static GptDecoder gpt2Large() {
        return gpt2(1280, 20, 36);
    }

    /// The published model of 1558 million parameters.
    public static GptDecoder gpt2Xl() {
        return gpt2(1600, 25, 48);
    }

    private static GptDecoder gpt2(int width, int heads, int depth) {
        return new GptDecoder(50257, width, heads, depth, 1024, 4 * width, true, Activation.GELU_TANH, EPS, true, 0.1);
    }

    /// nanoGPT's character model for a GPU: 6 layers of width 384, context 256.
    public static GptDecoder nanoGptBaby(int vocabulary) {
        return new GptDecoder(vocabulary, 384, 6, 6, 256, 1536, false, Activation.GELU, EPS, true, 0.2);
    }

    /// nanoGPT's character model for a CPU: 4 layers of width 128, context 64.
    public static GptDecoder nanoGptCpu(int vocabulary) {
        return new GptDecoder(vocabulary, 128, 4, 4, 64, 512, false, Activation.GELU, EPS, true, 0);
    }

    static Schema.Builder schema() {
        return Schema.builder()
                .required("vocab_size", "number of tokens")
                .required("dim", "model width")
                .required("heads", "attention heads, a divisor of dim")
                .required("depth", "blocks")
                .required("max_seq_len", "longest sequence in tokens")
                .optional("ffn_dim", null, "width of the feed-forward layer; 4·dim if absent")
                .optional("bias", true, "biases in linear layers and norms")
                .optional("activation", "gelu_tanh", "gelu_tanh (GPT-2) or gelu (nanoGPT), or another activation")
                .optional("norm", "layer", "layer")
                .optional("ln_eps", EPS, "eps of the norms")
                .optional("norm_placement", "pre", "pre")
                .optional("tied", true, "output matrix = token table")
                .optional("position", "learned", "learned")
                .optional("ignore_index", -1, "target that takes no part in the loss")
                .optional("dropout", 0.0, "in training only");
    }

    /// The preset of a configuration as in golden files and recipes.
    ///
    /// @throws ConfigException if a key is unknown, missing or asks for what this layout has not
    public static GptDecoder of(Config given) {
        Config config = schema().build().complete(ID, given);
        Choice.only(ID, config, "norm", "layer");
        Choice.only(ID, config, "norm_placement", "pre");
        Choice.only(ID, config, "position", "learned");
        int width = config.integer("dim");
        return new GptDecoder(
                config.integer("vocab_size"),
                width,
                config.integer("heads"),
                config.integer("depth"),
                config.integer("max_seq_len"),
                config.integer("ffn_dim", 4 * width),
                config.flag("bias"),
                Activation.of(config.text("activation")),
                config.number("ln_eps"),
                config.flag("tied"),
                config.number("dropout"));
    }

    /// How to build this model again: what a checkpoint keeps.
    public Recipe recipe() {
        return new Recipe(
                ID,
                Config.empty()
                        .with("vocab_size", vocabulary)
                        .with("dim", width)
                        .with("heads", heads)
                        .with("depth", depth)
                        .with("max_seq_len", context)
                        .with("ffn_dim", hidden)
                        .with("bias", bias)
                        .with("activation", activation.id())
                        .with("ln_eps", eps)
                        .with("tied", tied)
                        .with("dropout", dropout));
    }

    /// Builds the model.
    ///
    /// @throws ConfigException if a size makes no sense
    public DecoderStack build(Seed seed) {
        return DecoderStack.builder()
                .vocabulary(vocabulary)
                .width(width)
                .depth(depth)
                .maxLength(context)
                .mixer(Attention.multiHead(heads).bias(bias).dropout(dropout))
                .feedForward(Mlp.hidden(hidden).activation(activation).bias(bias))
                .norm(columns -> new LayerNorm(columns, eps, true, bias))
                .position(Learned.max(context))
                .tied(tied)
                .dropout(dropout)
                .build(seed);
    }

    /// Trained numbers, by formula: nothing is allocated.
    public long parameters() {
        long d = width;
        long biases = bias ? 1 : 0;
        long attention = 4 * d * d + biases * 4 * d;
        long feedForward = 2 * d * hidden + biases * (hidden + d);
        long norm = d + biases * d;
        return (tied ? 1 : 2) * d * vocabulary + d * context + depth * (attention + feedForward + 2 * norm) + norm;
    }

    /// Multiply-adds of one forward pass over a sequence, the causal half of the scores counted once.
    public long multiplyAdds(int length) {
        long d = width;
        long n = length;
        return depth * (n * (4 * d * d + 2 * d * hidden) + n * (n + 1) * d) + n * vocabulary * d;
    }

    /// Numbers in the decode state after a sequence.
    public long stateElements(int length) {
        return 2L * depth * width * length;
    }
}
