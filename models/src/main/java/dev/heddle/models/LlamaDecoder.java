package dev.heddle.models;

import dev.heddle.attention.Attention;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.RmsNorm;
import dev.heddle.core.tensor.Seed;
import dev.heddle.mlp.Glu;
import dev.heddle.positional.Rope;

/// The Llama layout: rotary positions, grouped-query attention, SwiGLU, RMS norm before each sublayer.
///
/// Source: LLaMA (arXiv 2302.13971), Llama 2 (2307.09288), GQA (2305.13245); karpathy/llama2.c and
/// huggingface/transformers, which differ in the rotary layout only.
///
/// @param vocabulary number of tokens V
/// @param width model width D
/// @param heads query heads, a divisor of the width
/// @param keyValueHeads key and value heads, a divisor of the query heads
/// @param depth blocks L
/// @param context longest sequence the model is meant for; rotary positions go on beyond it
/// @param hidden width of the feed-forward layer
/// @param bias true if linear layers have biases
/// @param activation of the gate: [Activation#SILU] in Llama, [Activation#GELU_TANH] in Gemma
/// @param eps of the norms
/// @param ropeBase base of the rotary frequencies
/// @param ropeLayout which columns of a head form a rotary pair
/// @param tied true if the output matrix is the token table
public record LlamaDecoder(
        int vocabulary,
        int width,
        int heads,
        int keyValueHeads,
        int depth,
        int context,
        int hidden,
        boolean bias,
        Activation activation,
        double eps,
        double ropeBase,
        RopeLayout ropeLayout,
        boolean tied) {
    /// The id of its catalogue line and of its recipes.
    public static final String ID = "llama-decoder";

    private static final double EPS = 1e-5;
    private static final double BASE = 10_000;

    /// Which columns of a head form a rotary pair; both are called "the" rotary.
    public enum RopeLayout {
        /// `(i, i + d/2)`: Hugging Face.
        HALF,
        /// `(2i, 2i + 1)`: Meta, llama2.c, GGUF.
        INTERLEAVED;

        static RopeLayout of(String id) {
            return switch (id) {
                case "half" -> HALF;
                case "interleaved" -> INTERLEAVED;
                default -> throw new ConfigException("rope_layout: '" + id + "' is not known; use half or interleaved");
            };
        }

        String id() {
            return this == HALF ? "half" : "interleaved";
        }
    }

    /// Llama 2 with 6,738,415,616 parameters.
    public static LlamaDecoder llama2() {
        return new LlamaDecoder(
                32000, 4096, 32, 32, 32, 4096, 11008, false, Activation.SILU, EPS, BASE, RopeLayout.INTERLEAVED, false);
    }

    /// Llama 3 with 8 billion parameters.
    public static LlamaDecoder llama3() {
        return new LlamaDecoder(
                128256,
                4096,
                32,
                8,
                32,
                8192,
                14336,
                false,
                Activation.SILU,
                EPS,
                500_000,
                RopeLayout.INTERLEAVED,
                false);
    }

    /// A character model of the size of nanoGPT's for a CPU: 4 layers of width 128, context 64.
    public static LlamaDecoder tiny(int vocabulary) {
        return new LlamaDecoder(
                vocabulary, 128, 4, 4, 4, 64, 344, false, Activation.SILU, EPS, BASE, RopeLayout.INTERLEAVED, true);
    }

    static Schema.Builder schema() {
        return Schema.builder()
                .required("vocab_size", "number of tokens")
                .required("dim", "model width")
                .required("heads", "query heads, a divisor of dim")
                .optional("kv_heads", null, "key and value heads, a divisor of heads; heads if absent")
                .required("depth", "blocks")
                .required("ffn_dim", "width of the feed-forward layer")
                .optional("norm", "rms", "rms")
                .optional("rms_eps", EPS, "eps of the norms")
                .optional("rope_theta", BASE, "base of the rotary frequencies")
                .optional("rope_layout", "half", "half (Hugging Face) or interleaved (Meta)")
                .optional("activation", "silu", "of the gate: silu (Llama) or another that a gated unit has")
                .optional("tied", false, "output matrix = token table")
                .optional("max_seq_len", 2048, "longest sequence the model is meant for")
                .optional("bias", false, "biases in linear layers");
    }

    /// The preset of a configuration as in golden files and recipes.
    ///
    /// @throws ConfigException if a key is unknown, missing or asks for what this layout has not
    public static LlamaDecoder of(Config given) {
        Config config = schema().build().complete(ID, given);
        Choice.only(ID, config, "norm", "rms");
        int heads = config.integer("heads");
        return new LlamaDecoder(
                config.integer("vocab_size"),
                config.integer("dim"),
                heads,
                config.integer("kv_heads", heads),
                config.integer("depth"),
                config.integer("max_seq_len"),
                config.integer("ffn_dim"),
                config.flag("bias"),
                Activation.of(config.text("activation")),
                config.number("rms_eps"),
                config.number("rope_theta"),
                RopeLayout.of(config.text("rope_layout")),
                config.flag("tied"));
    }

    /// How to build this model again: what a checkpoint keeps.
    public Recipe recipe() {
        return new Recipe(
                ID,
                Config.empty()
                        .with("vocab_size", vocabulary)
                        .with("dim", width)
                        .with("heads", heads)
                        .with("kv_heads", keyValueHeads)
                        .with("depth", depth)
                        .with("ffn_dim", hidden)
                        .with("activation", activation.id())
                        .with("rms_eps", eps)
                        .with("rope_theta", ropeBase)
                        .with("rope_layout", ropeLayout.id())
                        .with("tied", tied)
                        .with("max_seq_len", context)
                        .with("bias", bias));
    }

    /// Builds the model.
    ///
    /// @throws ConfigException if a size makes no sense
    public DecoderStack build(Seed seed) {
        Rope.Spec rope = Rope.base(ropeBase);
        return DecoderStack.builder()
                .vocabulary(vocabulary)
                .width(width)
                .depth(depth)
                .mixer(
                        Attention.grouped(heads, keyValueHeads)
                                .bias(bias)
                                .position(ropeLayout == RopeLayout.HALF ? rope.halfSplit() : rope.interleaved()))
                .feedForward(Glu.of(Glu.Kind.of(activation), hidden).bias(bias))
                .norm(columns -> RmsNorm.of(columns, eps))
                .tied(tied)
                .build(seed);
    }

    /// Trained numbers, by formula: nothing is allocated.
    public long parameters() {
        long d = width;
        long shared = keyValueWidth();
        long attention = 2 * d * d + 2 * d * shared + (bias ? 2 * d + 2 * shared : 0);
        long feedForward = 3 * d * hidden + (bias ? 2L * hidden + d : 0);
        return (tied ? 1 : 2) * d * vocabulary + depth * (attention + feedForward + 2 * d) + d;
    }

    /// Multiply-adds of one forward pass over a sequence, the causal half of the scores counted once.
    public long multiplyAdds(int length) {
        long d = width;
        long n = length;
        long projections = 2 * d * d + 2 * d * keyValueWidth();
        return depth * (n * (projections + 3 * d * hidden) + n * (n + 1) * d) + n * vocabulary * d;
    }

    /// Numbers in the decode state after a sequence.
    public long stateElements(int length) {
        return 2L * depth * keyValueWidth() * length;
    }

    private long keyValueWidth() {
        return (long) width / heads * keyValueHeads;
    }
}
