package dev.heddle.attention.compressed;

import dev.heddle.attention.TokenMixer;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.tensor.Seed;

/// What a memory-compressed layer is made from; every choice makes a new one.
///
/// @param placement what is compressed
/// @param heads query heads, H
/// @param factor f, tokens in a block: width and stride of the convolution
/// @param causal true if a token sees only blocks that have closed
/// @param lead true if a column stands in front of the blocks, so that every token sees something: the first token of
///     compressed inputs, a learned null key and value of compressed keys and values
/// @param nonlinearity of the compressed blocks
/// @param groups of the convolution's channels
/// @param shared true if keys and values go through one convolution
/// @param scaledByModelWidth true for scores scaled by `1/√D`, false for `1/√(D/H)`
public record MemoryCompression(
        Placement placement,
        int heads,
        int factor,
        boolean causal,
        boolean lead,
        Activation nonlinearity,
        int groups,
        boolean shared,
        boolean scaledByModelWidth)
        implements TokenMixer.Factory {
    /// What is compressed.
    public enum Placement {
        /// The layer's input; keys and values are projected from the compressed memory (tensor2tensor).
        INPUT,
        /// The projected keys and values (arXiv 1801.10198).
        KEYS_AND_VALUES
    }

    /// @throws ConfigException if a number is below 1, or inputs are to have two convolutions
    public MemoryCompression {
        if (heads < 1 || factor < 1 || groups < 1) {
            throw new ConfigException(
                    "compression: factor "
                            + factor
                            + ", "
                            + heads
                            + " heads, conv_groups "
                            + groups
                            + "; each must be 1 or more");
        }
        if (placement == Placement.INPUT && !shared) {
            throw new ConfigException(
                    "shared_kv_conv: false, but the compressed input has one convolution; use compress_on kv");
        }
    }

    /// Compressed inputs, causal, behind the first token.
    public static MemoryCompression ofInput(int heads, int factor) {
        return new MemoryCompression(Placement.INPUT, heads, factor, true, true, Activation.IDENTITY, 1, true, false);
    }

    /// Compressed keys and values, causal, behind a learned null, with a group of channels for every head.
    public static MemoryCompression ofKeysAndValues(int heads, int factor) {
        return new MemoryCompression(
                Placement.KEYS_AND_VALUES, heads, factor, true, true, Activation.IDENTITY, heads, true, true);
    }

    /// Whether a token sees only closed blocks, or all of them.
    public MemoryCompression causal(boolean wanted) {
        return new MemoryCompression(
                placement, heads, factor, wanted, lead, nonlinearity, groups, shared, scaledByModelWidth);
    }

    /// With or without the column in front; without it the first tokens may see nothing.
    public MemoryCompression lead(boolean wanted) {
        return new MemoryCompression(
                placement, heads, factor, causal, wanted, nonlinearity, groups, shared, scaledByModelWidth);
    }

    /// With an activation of the compressed blocks.
    public MemoryCompression nonlinearity(Activation wanted) {
        return new MemoryCompression(
                placement, heads, factor, causal, lead, wanted, groups, shared, scaledByModelWidth);
    }

    /// With the convolution's channels in groups.
    public MemoryCompression groups(int wanted) {
        return new MemoryCompression(
                placement, heads, factor, causal, lead, nonlinearity, wanted, shared, scaledByModelWidth);
    }

    /// With one convolution for keys and values, or one each.
    public MemoryCompression shared(boolean wanted) {
        return new MemoryCompression(
                placement, heads, factor, causal, lead, nonlinearity, groups, wanted, scaledByModelWidth);
    }

    /// With scores scaled by the model's width, or by that of a head.
    public MemoryCompression scaledByModelWidth(boolean wanted) {
        return new MemoryCompression(placement, heads, factor, causal, lead, nonlinearity, groups, shared, wanted);
    }

    /// Makes the layer for a model width.
    ///
    /// @throws ConfigException if heads or groups do not divide the width
    public MemoryCompressedAttention create(int width, Seed seed) {
        return create(width, 1, seed);
    }

    @Override
    public MemoryCompressedAttention create(int width, double residualScale, Seed seed) {
        return switch (placement) {
            case INPUT -> new InputCompressedAttention(this, width, residualScale, seed);
            case KEYS_AND_VALUES -> new KeyValueCompressedAttention(this, width, residualScale, seed);
        };
    }
}
