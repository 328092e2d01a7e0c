package dev.heddle.models;

import dev.heddle.attention.Attention;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.StackPart;
import dev.heddle.core.catalog.StackSizes;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.mlp.FeedForward;
import dev.heddle.mlp.Glu;
import dev.heddle.positional.EmbeddingPosition;
import dev.heddle.positional.QueryKeyPosition;
import dev.heddle.positional.ScorePosition;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A Llama-like stack in which catalogue variants take the place of its own choices, so that variants are compared with
/// all else equal: multi-head attention, rotary positions, SwiGLU, RMS norm, tied embedding.
///
/// Rotary positions are for mixers that take them ([TokenMixer.Positionable]). A mixer of another kind brings its own
/// position, and one that has none ([TokenMixer.Factory#knowsPositions]) gets sines and cosines on the embedding.
///
/// @param vocabulary number of tokens V
/// @param width model width D
/// @param heads query heads
/// @param depth blocks L
/// @param context longest sequence in tokens
/// @param hidden width of the feed-forward layer
/// @param dropout in training only
/// @param variants ids of catalogue lines, each a choice on one axis
public record StackConfig(
        int vocabulary,
        int width,
        int heads,
        int depth,
        int context,
        int hidden,
        double dropout,
        List<String> variants) {
    /// The id of its recipes.
    public static final String ID = "decoder-stack";

    private static final String OWN_POSITION = "own position";

    public StackConfig {
        variants = List.copyOf(variants);
    }

    private static Schema schema() {
        return Schema.builder()
                .required("vocab_size", "number of tokens")
                .required("dim", "model width")
                .required("heads", "query heads")
                .required("depth", "blocks")
                .required("max_seq_len", "longest sequence in tokens")
                .required("ffn_dim", "width of the feed-forward layer")
                .optional("dropout", 0.0, "in training only")
                .optional("variants", List.of(), "catalogue lines, each a choice on one axis")
                .build();
    }

    /// @throws ConfigException if a key is unknown or missing
    public static StackConfig of(Config given) {
        Config config = schema().complete(ID, given);
        return new StackConfig(
                config.integer("vocab_size"),
                config.integer("dim"),
                config.integer("heads"),
                config.integer("depth"),
                config.integer("max_seq_len"),
                config.integer("ffn_dim"),
                config.number("dropout"),
                config.list("variants").stream().map(String::valueOf).toList());
    }

    /// How to build this model again.
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
                        .with("dropout", dropout)
                        .with("variants", variants));
    }

    /// Builds the model.
    ///
    /// @throws ConfigException if a variant is unknown or no choice of a stack, two are on one axis, or a size makes no
    ///     sense
    public DecoderStack build(Seed seed) {
        Catalog catalog = Catalog.load();
        List<StackPart> parts = parts(catalog);
        DecoderStackBuilder builder =
                DecoderStack.builder()
                        .vocabulary(vocabulary)
                        .width(width)
                        .depth(depth)
                        .mixer(Attention.multiHead(heads).dropout(dropout))
                        .feedForward(Glu.swiglu(hidden))
                        .dropout(dropout);
        parts.forEach(builder::with);
        String position = usualPosition(parts);
        if (parts.stream().noneMatch(StackConfig::isPosition) && !position.equals(OWN_POSITION)) {
            builder.with(part(catalog, position));
        }
        return builder.build(seed);
    }

    /// The ids of what the stack is made of, by the family of the catalogue that each is a choice of: two configurations
    /// of the same choices and sizes are the same model. Instead of a position's id there may be "own position".
    ///
    /// @throws ConfigException if a variant is unknown or no choice of a stack
    public Map<String, String> choices() {
        Catalog catalog = Catalog.load();
        Map<String, String> choices = new LinkedHashMap<>();
        choices.put("attention", "mha");
        choices.put("position", usualPosition(parts(catalog)));
        choices.put("feed-forward", "glu");
        variants.forEach(id -> choices.put(catalog.variant(id).family(), id));
        return choices;
    }

    // Where none is chosen.
    private static String usualPosition(List<StackPart> parts) {
        List<StackPart> mixers = parts.stream().filter(TokenMixer.Factory.class::isInstance).toList();
        if (!mixers.isEmpty() && ((TokenMixer.Factory) mixers.getLast()).knowsPositions()) {
            return OWN_POSITION;
        }
        return mixers.isEmpty() || mixers.getLast() instanceof TokenMixer.Positionable ? "rope" : "sinusoidal";
    }

    private static boolean isPosition(StackPart part) {
        return part instanceof EmbeddingPosition.Factory
                || part instanceof QueryKeyPosition.Factory
                || part instanceof ScorePosition.Factory;
    }

    private List<StackPart> parts(Catalog catalog) {
        Map<String, String> idByAxis = new LinkedHashMap<>();
        List<StackPart> parts = new ArrayList<>();
        for (String id : variants) {
            StackPart part = part(catalog, id);
            String before = idByAxis.put(axis(part), id);
            if (before != null) {
                throw new ConfigException(
                        "variants: '" + before + "' and '" + id + "' are both the " + axis(part) + "; use one of them");
            }
            parts.add(part);
        }
        return parts;
    }

    private static String axis(StackPart part) {
        return switch (part) {
            case TokenMixer.Factory _ -> "mixer";
            case FeedForward.Factory _ -> "feed-forward layer";
            default -> isPosition(part) ? "position" : "block";
        };
    }

    private StackPart part(Catalog catalog, String id) {
        StackPart part = catalog.variant(id).part(new StackSizes(width, heads, context));
        if (part == null) {
            throw new ConfigException(
                    "variant: '" + id + "' is no choice on an axis of a decoder stack; use a mixer, position or layer");
        }
        return part;
    }
}
