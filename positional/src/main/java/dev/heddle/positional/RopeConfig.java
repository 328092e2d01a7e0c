package dev.heddle.positional;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import java.util.function.Function;

/// Reads the configuration of a rotary embedding as golden files write it.
final class RopeConfig {
    private static final Schema SCALING =
            Schema.builder()
                    .required("type", "default, linear, ntk, dynamic, yarn or llama3")
                    .optional("factor", 1.0, "new length over old length, 1 or more")
                    .optional("original_max_positions", null, "the length trained on: dynamic, yarn, llama3")
                    .optional("beta_fast", 32.0, "yarn: pairs of more turns keep their frequency")
                    .optional("beta_slow", 1.0, "yarn: pairs of fewer turns are interpolated")
                    .optional("attention_factor", null, "yarn: on cosines and sines; 0.1 ln(factor) + 1 by default")
                    .optional("low_freq_factor", null, "llama3: below so many turns a pair is interpolated")
                    .optional("high_freq_factor", null, "llama3: above so many turns a pair keeps its frequency")
                    .build();

    private RopeConfig() {}

    static Schema.Builder schema() {
        return Schema.builder()
                .required("head_dim", "width of a head")
                .optional("rotary_dim", null, "columns of a head that rotate, the first ones; all by default")
                .optional("base", 10_000.0, "base of the frequencies")
                .required("style", "which columns rotate together: interleaved or half_split")
                .optional("scaling", null, "object with type, factor …, to serve longer contexts; none by default")
                .optional(
                        "seq_len", null, "dynamic scaling: length that the frequencies are for; the input's by default")
                .optional("heads", null, "given: whole self-attention with so many heads, not only the rotation")
                .optional("dim", null, "self-attention: model width, heads times head_dim by default")
                .optional("causal", true, "self-attention: keys after a query are masked")
                .optional("bias", false, "self-attention: projections have biases");
    }

    static Subject build(Config config, Seed seed) {
        int headWidth = config.integer("head_dim");
        if (headWidth < 1) {
            throw new ConfigException("head_dim: " + headWidth + " is less than 1; use 1 or more");
        }
        Function<Positions, Rope> rope = rope(config, headWidth);
        return config.has("heads")
                ? new RotaryAttentionSubject(rope, config, seed)
                : new RotationSubject(rope, headWidth);
    }

    // Dynamic scaling is for the length at hand unless the config fixes one.
    private static Function<Positions, Rope> rope(Config config, int headWidth) {
        boolean free = config.has("scaling") && !config.has("seq_len") && isDynamic(config.object("scaling"));
        Rope fixed = rope(free ? config.with("seq_len", 1) : config).create(headWidth);
        if (!free) {
            return positions -> fixed;
        }
        return positions -> {
            int length = Math.clamp(positions.max() + 1L, 1, Integer.MAX_VALUE);
            return rope(config.with("seq_len", length)).create(headWidth);
        };
    }

    private static boolean isDynamic(Config scaling) {
        return "dynamic".equals(scaling.get("type"));
    }

    private static Rope.Spec rope(Config config) {
        Rope.Spec spec =
                Rope.base(config.number("base"))
                        .style(RopeStyle.of("style", config.text("style")))
                        .scaling(scaling(config));
        return config.has("rotary_dim") ? spec.partial(config.integer("rotary_dim")) : spec;
    }

    private static RopeScaling scaling(Config config) {
        if (!config.has("scaling")) {
            return RopeScaling.none();
        }
        Config scaling = SCALING.complete("rope scaling", config.object("scaling"));
        double factor = scaling.number("factor");
        String type = scaling.text("type");
        return switch (type) {
            case "default" -> RopeScaling.none();
            case "linear" -> new RopeScaling.Linear(factor);
            case "ntk" -> new RopeScaling.Ntk(factor);
            case "dynamic" ->
                    new RopeScaling.Dynamic(
                            factor, scaling.integer("original_max_positions"), config.integer("seq_len"));
            case "yarn" ->
                    new RopeScaling.Yarn(
                            factor,
                            scaling.integer("original_max_positions"),
                            scaling.number("beta_fast"),
                            scaling.number("beta_slow"),
                            scaling.number("attention_factor", RopeScaling.Yarn.magnitude(factor, 1)));
            case "llama3" ->
                    new RopeScaling.Llama3(
                            factor,
                            scaling.number("low_freq_factor"),
                            scaling.number("high_freq_factor"),
                            scaling.integer("original_max_positions"));
            default ->
                    throw new ConfigException(
                            "scaling type: '"
                                    + type
                                    + "' is not known; use default, linear, ntk, dynamic, yarn or llama3");
        };
    }
}
